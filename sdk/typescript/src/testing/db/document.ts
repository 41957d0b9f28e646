// Conditions on JSON: that a document contains another one, or is the same, by the rules of PostgreSQL. SQLite has no
// such function, so the condition goes down the value, one step a part.

import { textOf, type Json } from './json.js';
import type { Cell } from './value.js';

/** Contains: it has all that the value has; an array may have a single value in it. */
export type Relation = 'contains' | 'equals';

/** A condition, with its parameters in the order of their places. */
export interface Condition {
  sql: string;
  parameters: Cell[];
}

/**
 * That the JSON in `column` has this relation to `value`: unknown for null, and false for a text that is no JSON, or is
 * some that PostgreSQL cannot read.
 */
export function related(column: string, isText: boolean, relation: Relation, value: Json): Condition {
  const steps = new Steps(relation);
  // one document in an array, so that the whole is looked at as its parts are
  const inner = steps.top('d', value);
  const condition = `EXISTS (SELECT 1 FROM json_each(json_array(json(${column}))) AS d WHERE ${inner})`;
  const noNul = isText ? ` AND instr(${column}, char(92) || 'u0000') = 0` : '';
  const isJson = `json_valid(${column})${noNul}`;
  const sql = `CASE WHEN ${column} IS NULL THEN NULL WHEN ${isJson} THEN ${condition} ELSE FALSE END`;
  return { sql, parameters: steps.parameters };
}

/** The way down a value. A place is a row of `json_each`, by its name. */
class Steps {
  readonly parameters: Cell[] = [];
  readonly #relation: Relation;
  #depth = 0;

  constructor(relation: Relation) {
    this.#relation = relation;
  }

  /** The whole document: only there may an array contain a single value. */
  top(at: string, value: Json): string {
    const own = this.#step(at, value);
    if (this.#relation === 'equals' || (typeof value === 'object' && value !== null)) return own;
    return `(${own} OR ${at}.type = 'array' AND ${this.#element(at, undefined, value)})`;
  }

  #step(at: string, value: Json): string {
    if (Array.isArray(value)) return this.#array(at, value);
    if (typeof value === 'object' && value !== null) return this.#object(at, value);
    return this.#scalar(at, value);
  }

  #array(at: string, parts: readonly Json[]): string {
    const conditions = [`${at}.type = 'array'`];
    const isSame = this.#relation === 'equals';
    if (isSame) conditions.push(`json_array_length(${only(at, 'array')}) = ${parts.length}`);
    for (const [number, part] of parts.entries()) {
      conditions.push(this.#element(at, isSame ? number : undefined, part));
    }
    return conditions.join(' AND ');
  }

  #object(at: string, parts: Record<string, Json>): string {
    const conditions = [`${at}.type = 'object'`];
    const fields = Object.entries(parts);
    if (this.#relation === 'equals') {
      conditions.push(`(SELECT count(*) FROM json_each(${only(at, 'object')})) = ${fields.length}`);
    }
    for (const [name, part] of fields) conditions.push(this.#member(at, name, part));
    return conditions.join(' AND ');
  }

  /** That an element of the array, or the one with this number, is so. */
  #element(at: string, number: number | undefined, part: Json): string {
    const row = this.#row();
    const key = number === undefined ? '' : `${row}.key = ${number} AND `;
    const inner = this.#step(row, part);
    return `EXISTS (SELECT 1 FROM json_each(${only(at, 'array')}) AS ${row} WHERE ${key}${inner})`;
  }

  /** That the object has a member of that name which is so. */
  #member(at: string, name: string, part: Json): string {
    const row = this.#row();
    this.parameters.push(name);
    const inner = this.#step(row, part);
    return `EXISTS (SELECT 1 FROM json_each(${only(at, 'object')}) AS ${row} WHERE ${row}.key = ? AND ${inner})`;
  }

  #scalar(at: string, value: Json): string {
    if (value === null) return `${at}.type = 'null'`;
    if (typeof value === 'boolean') return `${at}.type = '${value}'`;
    if (typeof value === 'string') {
      this.parameters.push(value);
      return `${at}.type = 'text' AND ${at}.value = ?`;
    }
    const isExact = typeof value === 'bigint' || Number.isSafeInteger(value);
    this.parameters.push(isExact ? BigInt(value as number) : Number(textOf(value)));
    return `${at}.type IN ('integer', 'real') AND ${at}.value = ?`;
  }

  #row(): string {
    this.#depth += 1;
    return `e${this.#depth}`;
  }
}

/** The part if it is of that type, else null: the functions of SQLite fail on what is no JSON. */
function only(at: string, type: 'array' | 'object'): string {
  return `CASE ${at}.type WHEN '${type}' THEN ${at}.value END`;
}
