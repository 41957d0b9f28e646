// Tables in memory, with the semantics of every backend.

import type { Database, QueryResult, TableQuery } from '../../index.js';
import type { Outage } from '../outage.js';
import { resultOf, tableQuery, type Runner } from './chain.js';
import { code, DbFailure, invalid } from './error.js';
import { toJson, type ParseJson } from './json.js';
import { migrate, type Migrated, type Migration } from './migrate.js';
import { nearest, type Search } from './nearest.js';
import { named, type Query } from './query.js';
import * as render from './render.js';
import { script } from './script.js';
import { Sqlite, type Rows } from './sqlite.js';
import { rowOf, Table } from './table.js';
import { decode, kindOf, plain } from './value.js';
import { write } from './write.js';

/** How a {@link MemoryDatabase} is made. */
export interface MemoryDatabaseOptions {
  now: () => number;
  outage: Outage;
  /** How JSON that was stored is read; `JSON.parse` if it is left out. */
  parseJson?: ParseJson;
}

/** A {@link Database} that is gone with the test. */
export class MemoryDatabase implements Database {
  readonly #options: MemoryDatabaseOptions;
  readonly #parse: ParseJson;
  readonly #runner: Runner;
  #opened: Promise<Sqlite> | undefined;

  constructor(options: MemoryDatabaseOptions) {
    this.#options = options;
    this.#parse = options.parseJson ?? JSON.parse;
    this.#runner = { run: (query) => this.#run(query), search: (search) => this.#search(search) };
  }

  from<T extends object = any>(table: string, _options?: { exact?: boolean }): TableQuery<T> {
    return tableQuery(this.#runner, table);
  }

  async raw<T extends object = any>(sql: string, params: readonly unknown[] = []): Promise<T[]> {
    const sqlite = await this.#ready();
    const { statements, loose } = script(sql, params.map((value) => plain(toJson(value))));
    const all = () => statements.map((statement) => sqlite.run(statement)).at(-1) as Rows;
    const { fields, rows } = loose ? all() : sqlite.whole(all);
    const kinds = fields.map(({ name, declared }) => ({ name, kind: kindOf(declared ?? '') }));
    const value = (cells: Rows['rows'][number]) =>
      kinds.map(({ name, kind }, at) => [name, decode(kind, cells[at] ?? null, this.#parse)] as const);
    return rows.map((cells) => Object.fromEntries(value(cells)) as T);
  }

  /** Applies the migrations of a module, as the gateway does before `init`. */
  async migrate(module: string, files: readonly Migration[]): Promise<Migrated> {
    return migrate(await this.#ready(), module, files);
  }

  /** Gives back its memory. */
  async close(): Promise<void> {
    const opened = await this.#opened?.catch(() => undefined);
    opened?.close();
    this.#opened = undefined;
  }

  async #ready(): Promise<Sqlite> {
    const down = this.#options.outage.of('db');
    if (down) throw new DbFailure(code.unavailable, `the storage is down: ${down.why}`);
    this.#opened ??= Sqlite.open();
    return this.#opened;
  }

  async #run(query: Query): Promise<QueryResult<any>> {
    try {
      const sqlite = await this.#ready();
      return this.#answer(sqlite, query);
    } catch (error) {
      if (error instanceof DbFailure) return resultOf(error);
      throw error;
    }
  }

  #answer(sqlite: Sqlite, query: Query): QueryResult<any> {
    const isRead = query.action.type === 'select';
    const isNew = query.action.type === 'insert' || query.action.type === 'upsert';
    if (!isRead && (query.order.length > 0 || query.limit !== undefined || query.count)) {
      throw invalid('order, limit, range and count belong to a select');
    }
    if (isNew && query.filters.length > 0) {
      throw invalid('filters belong to a select, an update or a delete');
    }
    const table = Table.read(sqlite, query.table, named(query));
    return isRead ? this.#select(sqlite, table, query) : this.#write(sqlite, table, query);
  }

  #select(sqlite: Sqlite, table: Table, query: Query): QueryResult<any> {
    const answered = table.selected(query.returning ?? []);
    const columns = answered.map((one) => one.column);
    const select = render.select(table, query, columns);
    const count = query.count ? Number(sqlite.run(render.count(table, query)).rows[0]?.[0]) : null;
    if (query.head) return { data: null, error: null, count, status: 200, statusText: 'OK' };
    const rows = sqlite.run(select).rows.map((cells) => rowOf(answered, cells, this.#parse));
    return { data: cut(query, rows), error: null, count, status: 200, statusText: 'OK' };
  }

  #write(sqlite: Sqlite, table: Table, query: Query): QueryResult<any> {
    const answered = query.returning ? table.selected(query.returning) : [];
    const columns = answered.map((one) => one.column);
    const data = sqlite.whole(() => {
      const written = write({ sqlite, table, now: this.#options.now }, query, columns);
      const rows = written.map((cells) => rowOf(answered, cells, this.#parse));
      // before it is kept: a write that is not what was expected is not done
      return query.returning ? cut(query, rows) : null;
    });
    const isNew = query.action.type === 'insert' || query.action.type === 'upsert';
    if (isNew) return { data, error: null, count: null, status: 201, statusText: 'Created' };
    return query.returning
      ? { data, error: null, count: null, status: 200, statusText: 'OK' }
      : { data, error: null, count: null, status: 204, statusText: 'No Content' };
  }

  async #search(search: Search): Promise<Array<{ score: number; data: any }>> {
    if (this.#options.outage.of('db')) return [];
    const sqlite = await this.#ready();
    const table = Table.read(sqlite, search.query.table, [...named(search.query), search.column]);
    return nearest(sqlite, table, search, this.#parse);
  }
}

/** As many rows as there must be. */
function cut<Row>({ cardinality }: Query, rows: Row[]): Row[] | Row | null {
  if (cardinality === 'many') return rows;
  const [first = null, ...more] = rows;
  if (more.length === 0 && (first !== null || cardinality === 'one or none')) return first;
  const details = `there are ${more.length > 0 ? 'several' : 'no'} rows`;
  throw new DbFailure(code.notOne, 'expected exactly one row', { details });
}
