// What the database knows of a table.

import { code, DbFailure } from './error.js';
import type { Json, ParseJson } from './json.js';
import { identifier, type Selected } from './query.js';
import type { Sqlite } from './sqlite.js';
import { decode, kindOf, type Cell, type Kind } from './value.js';

/** A column of a table. */
export interface Column {
  name: string;
  kind: Kind;
}

/** A column of an answer, with its name there. */
export interface Answered {
  column: Column;
  alias: string;
}

/** A table. */
export class Table {
  readonly name: string;
  readonly columns: Column[];
  /** The columns of the primary key; none if there is none. */
  readonly primary: string[];
  /** The columns of every unique key. */
  readonly unique: string[][];

  private constructor(name: string, columns: Column[], primary: string[], unique: string[][]) {
    this.name = name;
    this.columns = columns;
    this.primary = primary;
    this.unique = unique;
  }

  /** The table of that name, with all of those columns. */
  static read(sqlite: Sqlite, name: string, columns: readonly string[]): Table {
    identifier(name);
    const rows = sqlite.run({
      sql: 'SELECT name, type, pk FROM pragma_table_info(?) ORDER BY cid',
      parameters: [name],
    }).rows;
    if (rows.length === 0) throw new DbFailure(code.noTable, `no table ${JSON.stringify(name)}`);
    const own = rows.map(([column, type]) => ({ name: String(column), kind: kindOf(String(type)) }));
    const keyed = rows.filter(([, , place]) => Number(place) > 0);
    keyed.sort(([, , a], [, , b]) => Number(a) - Number(b));
    const primary = keyed.map(([column]) => String(column));
    const table = new Table(name, own, primary, uniqueKeys(sqlite, name));
    for (const column of columns) table.require(column);
    return table;
  }

  /** The column with that name, exactly or but for its case. */
  require(name: string): Column {
    const isSame = (column: Column) => column.name.toLowerCase() === name.toLowerCase();
    const found = this.columns.find((column) => column.name === name) ?? this.columns.find(isSame);
    if (found) return found;
    throw new DbFailure(code.noColumn, `no column ${JSON.stringify(name)} in table ${JSON.stringify(this.name)}`);
  }

  /** What tells rows apart, and decides ties: `id`, else a primary key of one column. */
  identity(): Column | undefined {
    const [primary, ...more] = this.primary;
    const named = this.columns.find((column) => column.name === 'id');
    return named ?? (primary !== undefined && more.length === 0 ? this.require(primary) : undefined);
  }

  /** The columns of an answer; all of them if none is named. */
  selected(selected: readonly Selected[]): Answered[] {
    const all: readonly Selected[] = selected.length === 0 ? ['*'] : selected;
    const every = this.columns.map((column) => ({ column, alias: column.name }));
    return all.flatMap((one) => (one === '*' ? every : [{ column: this.require(one.name), alias: one.alias }]));
  }
}

/** A row as modules see it. */
export function rowOf(answered: readonly Answered[], cells: readonly Cell[], parse: ParseJson): Record<string, Json> {
  const fields = answered.map(({ column, alias }, at) => [alias, decode(column.kind, cells[at] ?? null, parse)]);
  return Object.fromEntries(fields);
}

function uniqueKeys(sqlite: Sqlite, name: string): string[][] {
  const sql = `SELECT l.name, i.name FROM pragma_index_list(?) AS l, pragma_index_info(l.name) AS i
    WHERE l."unique" = 1 AND l.partial = 0 ORDER BY l.name, i.seqno`;
  const keys = new Map<string, string[]>();
  for (const [key, column] of sqlite.run({ sql, parameters: [name] }).rows) {
    const columns = keys.get(String(key)) ?? [];
    keys.set(String(key), [...columns, String(column)]);
  }
  return [...keys.values()];
}
