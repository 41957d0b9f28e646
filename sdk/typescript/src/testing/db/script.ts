// SQL as modules write it: split, bound, and made into what SQLite needs to behave as the other backends do.

import { invalid } from './error.js';
import { guard } from './guard.js';
import { isCode, isMark, nameOf, tokens, wordAt, wordOf, type Token } from './tokens.js';
import type { Cell } from './value.js';

/** A statement with its parameters. */
export interface Statement {
  sql: string;
  parameters: Cell[];
}

/** What a text of SQL comes to. */
export interface Script {
  statements: Statement[];
  /** Whether it must not run in a transaction. */
  loose: boolean;
}

/** The statements of `sql`, with the parameters of the only one. */
export function script(sql: string, cells: readonly Cell[]): Script {
  const all = tokens(sql);
  guard(all);
  const parts = split(all);
  if (parts.length === 0) throw invalid('expected a statement, found none');
  if (parts.length > 1 && cells.length > 0) {
    throw invalid(`expected one statement beside parameters, found ${parts.length}`);
  }
  const loose = parts.some((part) => ['pragma', 'vacuum'].includes(wordAt(part, 0) ?? ''));
  return { statements: parts.map((part) => bind(portable(part), cells)), loose };
}

/** Cuts at semicolons, but not inside of a trigger's `BEGIN … END`. */
function split(all: readonly Token[]): Token[][] {
  const parts: Token[][] = [[]];
  let [depth, isTrigger] = [0, false];
  for (const token of all) {
    const part = parts.at(-1) as Token[];
    const word = wordOf(token);
    if (word === 'trigger' && wordAt(part, 0) === 'create') isTrigger = true;
    else if (isTrigger && (word === 'begin' || word === 'case')) depth += 1;
    else if (isTrigger && word === 'end') depth = Math.max(0, depth - 1);
    if (isMark(token, ';') && depth === 0) {
      parts.push([]);
      isTrigger = false;
    } else {
      part.push(token);
    }
  }
  return parts.filter((part) => part.some(isCode));
}

/** Puts `?` for `?` and `$1`, and their values in order. */
function bind(part: readonly Token[], cells: readonly Cell[]): Statement {
  const parameters: Cell[] = [];
  let [sql, next, highest] = ['', 0, 0];
  for (const token of part) {
    if (token.type !== 'question' && token.type !== 'dollar') {
      sql += token.text;
      continue;
    }
    const number = token.type === 'dollar' ? token.number : (next += 1);
    highest = Math.max(highest, number);
    const cell = cells[number - 1];
    if (cell === undefined) {
      throw invalid(`the statement names parameter ${number}, and there are ${cells.length}`);
    }
    parameters.push(cell);
    sql += '?';
  }
  if (highest < cells.length) {
    throw invalid(`there are ${cells.length} parameters, and the statement names ${highest}`);
  }
  return { sql, parameters };
}

const CONSTRAINTS = ['primary', 'unique', 'foreign', 'constraint', 'check', 'key', 'index'];

/**
 * A `CREATE TABLE` with two additions: SQLite alone would take a null in a primary key that is no whole number, and
 * would make a number of a document that looks like one.
 */
function portable(part: Token[]): Token[] {
  const open = part.findIndex((token) => isMark(token, '('));
  const close = part.findLastIndex((token) => isMark(token, ')'));
  const isTable = wordAt(part, 0) === 'create' && wordAt(part, 1) === 'table';
  if (!isTable || open < 0 || close < open || part.slice(0, open).some((token) => wordOf(token) === 'as')) return part;
  const definitions = atCommas(part.slice(open + 1, close));
  const primary = new Set(definitions.flatMap(keyOf));
  const whole = definitions.map((definition) => columnOf(definition, primary));
  const inner = whole.flatMap((definition, at) => (at > 0 ? [own(','), ...definition] : definition));
  return [...part.slice(0, open + 1), ...inner, ...part.slice(close)];
}

/** The columns that a definition makes part of the primary key. */
function keyOf(definition: readonly Token[]): string[] {
  const words = definition.map(nameOf).filter((name) => name !== undefined);
  const [name = '', type] = words;
  if (!words.includes('primary')) return [];
  if (CONSTRAINTS.includes(name)) return words.slice(words.indexOf('key') + 1);
  return type !== undefined && type !== 'integer' ? [name] : [];
}

function columnOf(definition: Token[], primary: ReadonlySet<string>): Token[] {
  const words = definition.map(nameOf).filter((name) => name !== undefined);
  const changed = [...definition];
  const declared = definition.map((token, at) => ({ token, at })).filter(({ token }) => isCode(token))[1];
  if (declared && wordOf(declared.token) === 'json') changed[declared.at] = own('JSON TEXT');
  const isSaid = words.some((word, at) => word === 'not' && words[at + 1] === 'null');
  const end = definition.findLastIndex(isCode);
  if (end >= 0 && !isSaid && primary.has(words[0] ?? '')) changed.splice(end + 1, 0, own(' NOT NULL'));
  return changed;
}

function own(text: string): Token {
  return { type: 'other', text };
}

function atCommas(part: readonly Token[]): Token[][] {
  const parts: Token[][] = [[]];
  let depth = 0;
  for (const token of part) {
    if (isMark(token, '(')) depth += 1;
    if (isMark(token, ')')) depth -= 1;
    if (isMark(token, ',') && depth === 0) parts.push([]);
    else parts.at(-1)?.push(token);
  }
  return parts;
}
