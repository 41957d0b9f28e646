// Writes: each in one transaction, and what they give is read as it was stored.

import { randomBytes } from 'node:crypto';

import { code, DbFailure, invalid } from './error.js';
import type { Query, Values } from './query.js';
import * as render from './render.js';
import type { Given } from './render.js';
import type { Sqlite } from './sqlite.js';
import type { Column, Table } from './table.js';
import { encode, type Cell } from './value.js';

/** What a write needs. */
export interface Write {
  sqlite: Sqlite;
  table: Table;
  /** Milliseconds since 1970, for ids that are made up. */
  now: () => number;
}

/** Does the write of `query`, in a transaction of its caller; the rows with `columns`, which may be none. */
export function write(into: Write, query: Query, columns: readonly Column[]): Cell[][] {
  const { sqlite, table } = into;
  const { action } = query;
  if ((action.type === 'update' || action.type === 'delete') && query.filters.length === 0 && !query.everyRow) {
    const hint = 'add .match({}) where every row is meant';
    throw new DbFailure(code.noFilter, 'expected a filter: this would meet every row', { hint });
  }
  switch (action.type) {
    case 'insert':
      return insertAll(into, action.rows, undefined, columns);
    case 'upsert': {
      const key = conflictKey(table, action.onConflict);
      return insertAll(into, action.rows, { key, ignore: action.ignoreDuplicates }, columns);
    }
    case 'update':
      return update(into, query, action.values, columns);
    case 'delete':
      return sqlite.run(render.remove(table, query, columns)).rows;
    case 'select':
      return [];
  }
}

/** What to do with a new row whose key is there. */
interface Conflict {
  key: Column[];
  ignore: boolean;
}

/** The columns of `onConflict`, which have to be a key. */
function conflictKey(table: Table, onConflict: readonly string[]): Column[] {
  const names = onConflict.length === 0 ? table.primary : onConflict;
  const columns = names.map((name) => table.require(name));
  const isKey = (key: readonly string[]) =>
    key.length === columns.length && key.every((name) => columns.some((column) => column.name === name));
  if (columns.length > 0 && [table.primary, ...table.unique].some(isKey)) return columns;
  throw new DbFailure(code.noKey, `no unique key of table ${JSON.stringify(table.name)} is on (${names.join(', ')})`);
}

function given(table: Table, row: Values): Given[] {
  const cells: Given[] = [];
  for (const [name, value] of Object.entries(row)) {
    const column = table.require(name);
    if (cells.some(([other]) => other.name === column.name)) {
      throw invalid(`column ${JSON.stringify(column.name)} is given twice`);
    }
    cells.push([column, encode(column.kind, column.name, value)]);
  }
  return cells;
}

function insertAll(
  into: Write,
  values: readonly Values[],
  conflict: Conflict | undefined,
  columns: readonly Column[],
): Cell[][] {
  const { sqlite, table } = into;
  // all of them are read before the first is written
  const rows = values.map((row) => given(table, row));
  return rows.flatMap((row) => {
    const missing = nullKey(table, row);
    if (missing) throw neverNull(table, missing);
    const whole = withId(into, row);
    // where nothing is given, no key is: and SQLite takes no clause there
    const clause = conflict && whole.length > 0 ? onConflict(conflict, row) : undefined;
    return sqlite.run(render.insert(table, whole, clause, columns)).rows;
  });
}

function onConflict({ key, ignore }: Conflict, row: readonly Given[]): string {
  const target = key.map((column) => render.quote(column.name)).join(', ');
  if (ignore) return ` ON CONFLICT (${target}) DO NOTHING`;
  const others = row.map(([column]) => column).filter((column) => !key.some((own) => own.name === column.name));
  // the key set to itself: a row that is there is given too
  const changed = (others.length > 0 ? others : key).map((column) => render.quote(column.name));
  return ` ON CONFLICT (${target}) DO UPDATE SET ${changed.map((name) => `${name} = excluded.${name}`).join(', ')}`;
}

/** The row with an id, if it has none and needs a text. */
function withId({ table, now }: Write, row: readonly Given[]): Given[] {
  const id = table.columns.find((column) => column.name === 'id' && column.kind.type === 'text');
  const isThere = row.some(([column]) => column.name === 'id');
  return id && !isThere ? [...row, [id, uuid(now())]] : [...row];
}

/** The column of the primary key that is to be null, if there is one. */
function nullKey(table: Table, row: readonly Given[]): Column | undefined {
  return row.find(([column, cell]) => cell === null && table.primary.includes(column.name))?.[0];
}

function neverNull(table: Table, column: Column): DbFailure {
  const [name, own] = [column.name, table.name].map((text) => JSON.stringify(text));
  return new DbFailure(code.notNull, `column ${name} of table ${own} is never null`);
}

function update({ sqlite, table }: Write, query: Query, values: Values, columns: readonly Column[]): Cell[][] {
  const changed = given(table, values);
  if (changed.length === 0) throw invalid('expected columns to update, found none');
  const missing = nullKey(table, changed);
  if (missing) {
    const met = sqlite.run(render.select(table, query, [missing])).rows;
    if (met.length === 0) return [];
    throw neverNull(table, missing);
  }
  return sqlite.run(render.update(table, query, changed, columns)).rows;
}

/** A UUID of version 7: ids made later sort later. */
function uuid(now: number): string {
  const bytes = randomBytes(16);
  bytes.writeUIntBE(Math.floor(now), 0, 6);
  bytes.writeUInt8(0x70 | (bytes.readUInt8(6) & 0x0f), 6);
  bytes.writeUInt8(0x80 | (bytes.readUInt8(8) & 0x3f), 8);
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
}
