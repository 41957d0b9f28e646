// From a query to statements. Names are checked before they come here, values are parameters.

import { related, type Condition, type Relation } from './document.js';
import { code, DbFailure, invalid } from './error.js';
import type { Json } from './json.js';
import { glob } from './like.js';
import type { Filter, Operator, Query } from './query.js';
import type { Statement } from './script.js';
import type { Column, Table } from './table.js';
import { encode, numberOf, type Cell, type Kind } from './value.js';

/** A column with the value it gets. */
export type Given = [column: Column, cell: Cell];

/** Equal to nothing, and so is its opposite. */
const UNKNOWN: Condition = { sql: '(NULL = 1)', parameters: [] };

/** How many rows the filters let through. */
export function count(table: Table, query: Query): Statement {
  const { sql, parameters } = where(table, query.filters);
  return { sql: `SELECT count(*) FROM ${quote(table.name)}${sql}`, parameters };
}

/** The rows of a query, with these columns. */
export function select(table: Table, query: Query, columns: readonly Column[]): Statement {
  const { sql: condition, parameters } = where(table, query.filters);
  let sql = `SELECT ${names(columns)} FROM ${quote(table.name)}${condition}`;
  const order = query.order.map((sort) => {
    const column = table.require(sort.column);
    if (column.kind.type === 'json') throw noOrder(column);
    return `${comparable(column)} ${sort.descending ? 'DESC' : 'ASC'} NULLS ${sort.nullsFirst ? 'FIRST' : 'LAST'}`;
  });
  if (order.length > 0) sql += ` ORDER BY ${order.join(', ')}`;
  if (query.limit !== undefined || query.offset > 0) {
    sql += ' LIMIT ? OFFSET ?';
    parameters.push(rows(query.limit ?? Infinity), rows(query.offset));
  }
  return { sql, parameters };
}

/** A new row; what it meets is decided by `conflict`. */
export function insert(
  table: Table,
  row: readonly Given[],
  conflict: string | undefined,
  returning: readonly Column[],
): Statement {
  const columns = row.map(([column]) => column);
  const values = columns.length === 0 ? 'DEFAULT VALUES' : `(${names(columns)}) VALUES (${columns.map(() => '?').join(', ')})`;
  const sql = `INSERT INTO ${quote(table.name)} ${values}${conflict ?? ''}${giving(returning)}`;
  return { sql, parameters: row.map(([, cell]) => cell) };
}

/** Changes the rows that the filters let through. */
export function update(
  table: Table,
  query: Query,
  row: readonly Given[],
  returning: readonly Column[],
): Statement {
  const { sql: condition, parameters } = where(table, query.filters);
  const changes = row.map(([column]) => `${quote(column.name)} = ?`).join(', ');
  const sql = `UPDATE ${quote(table.name)} SET ${changes}${condition}${giving(returning)}`;
  return { sql, parameters: [...row.map(([, cell]) => cell), ...parameters] };
}

/** Removes the rows that the filters let through. */
export function remove(table: Table, query: Query, returning: readonly Column[]): Statement {
  const { sql, parameters } = where(table, query.filters);
  return { sql: `DELETE FROM ${quote(table.name)}${sql}${giving(returning)}`, parameters };
}

/** A name in quotes; names have no quotes in them. */
export function quote(name: string): string {
  return `"${name}"`;
}

function names(columns: readonly Column[]): string {
  return columns.map((column) => quote(column.name)).join(', ');
}

function giving(returning: readonly Column[]): string {
  return returning.length === 0 ? '' : ` RETURNING ${names(returning)}`;
}

/** SQLite counts rows in 63 bits. */
function rows(count: number): bigint {
  return count < 2 ** 63 ? BigInt(count) : 2n ** 63n - 1n;
}

function where(table: Table, filters: readonly Filter[]): Condition {
  if (filters.length === 0) return { sql: '', parameters: [] };
  const { sql, parameters } = joined(table, filters, ' AND ');
  return { sql: ` WHERE ${sql}`, parameters };
}

function joined(table: Table, filters: readonly Filter[], by: ' AND ' | ' OR '): Condition {
  const all = filters.map((filter) => condition(table, filter));
  return {
    sql: `(${all.map(({ sql }) => sql).join(by)})`,
    parameters: all.flatMap(({ parameters }) => parameters),
  };
}

function condition(table: Table, filter: Filter): Condition {
  switch (filter.type) {
    case 'compare':
      return compare(table, table.require(filter.column), filter.operator, filter.value);
    case 'not':
      return opposite(condition(table, filter.filter));
    case 'all':
      return joined(table, filter.filters, ' AND ');
    case 'any':
      return joined(table, filter.filters, ' OR ');
  }
}

function opposite({ sql, parameters }: Condition): Condition {
  return { sql: `(NOT (${sql}))`, parameters };
}

const SYMBOLS: Partial<Record<Operator, string>> = { eq: '=', neq: '<>', gt: '>', gte: '>=', lt: '<', lte: '<=' };

function compare(table: Table, column: Column, operator: Operator, value: Json): Condition {
  const symbol = SYMBOLS[operator];
  if (symbol !== undefined) {
    if (column.kind.type === 'json' && operator !== 'eq' && operator !== 'neq') throw noOrder(column);
    return against(table, column, symbol, value);
  }
  switch (operator) {
    case 'is':
      return is(column, value);
    case 'in':
      return within(table, column, value);
    case 'contains':
      return contains(table, column, value);
    default:
      return like(column, operator === 'ilike', value);
  }
}

function against(table: Table, column: Column, symbol: string, value: Json): Condition {
  if (value === null) return UNKNOWN;
  if (column.kind.type === 'json') {
    encode(column.kind, column.name, value);
    const same = document(table, column, 'equals', value);
    return symbol === '=' ? same : opposite(same);
  }
  // a whole number may well be compared with half of one
  const number = column.kind.type === 'integer' ? numberOf(value) : undefined;
  const kind: Kind = number !== undefined && !Number.isInteger(number) ? { type: 'real' } : column.kind;
  return { sql: `${comparable(column)} ${symbol} ?`, parameters: [encode(kind, column.name, value)] };
}

function like(column: Column, fold: boolean, value: Json): Condition {
  let left: string;
  switch (column.kind.type) {
    case 'text':
      left = comparable(column);
      break;
    case 'integer':
    case 'decimal':
    case 'timestamp':
    case 'other':
      left = `CAST(${quote(column.name)} AS TEXT)`;
      break;
    default:
      throw new DbFailure(code.badValue, `column ${JSON.stringify(column.name)} holds no text for like and ilike`);
  }
  if (value === null) return UNKNOWN;
  if (typeof value !== 'string' || value.includes('\0')) {
    throw new DbFailure(code.badValue, 'like and ilike expect a text with % and _, without null characters');
  }
  return { sql: `${left} GLOB ?`, parameters: [glob(value, fold)] };
}

function is(column: Column, value: Json): Condition {
  const quoted = quote(column.name);
  if (value === null) return { sql: `${quoted} IS NULL`, parameters: [] };
  if (typeof value !== 'boolean') throw new DbFailure(code.badValue, 'is takes null, true or false');
  if (column.kind.type === 'boolean') return { sql: `${quoted} IS ${value ? 'TRUE' : 'FALSE'}`, parameters: [] };
  if (column.kind.type === 'integer') {
    return { sql: `(${quoted} IS NOT NULL AND ${quoted} ${value ? '<>' : '='} 0)`, parameters: [] };
  }
  const message = `column ${JSON.stringify(column.name)} is neither true nor false: is takes null`;
  throw new DbFailure(code.badValue, message);
}

function within(table: Table, column: Column, value: Json): Condition {
  if (!Array.isArray(value)) throw new DbFailure(code.badValue, 'in expects an array');
  const all = value.map((one) => against(table, column, '=', one));
  return {
    sql: `(${['1 = 0', ...all.map(({ sql }) => sql)].join(' OR ')})`,
    parameters: all.flatMap(({ parameters }) => parameters),
  };
}

function contains(table: Table, column: Column, value: Json): Condition {
  if (column.kind.type !== 'json' && column.kind.type !== 'text') {
    throw new DbFailure(code.badValue, `column ${JSON.stringify(column.name)} holds no JSON to contain anything`);
  }
  encode({ type: 'json' }, column.name, value);
  return document(table, column, 'contains', value);
}

function document(table: Table, column: Column, relation: Relation, value: Json): Condition {
  // with its table: in the rows that a document is taken apart to there may be a column of that name
  return related(`${quote(table.name)}.${quote(column.name)}`, column.kind.type === 'text', relation, value);
}

/** The column, such that texts compare by their bytes. */
function comparable(column: Column): string {
  return column.kind.type === 'text' ? `${quote(column.name)} COLLATE BINARY` : quote(column.name);
}

function noOrder(column: Column): DbFailure {
  return invalid(`column ${JSON.stringify(column.name)} holds JSON, which has no order`);
}
