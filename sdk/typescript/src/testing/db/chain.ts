// The chain: one call after the other, lazily and without a way to fail. What was wrong first is told at its end.

import type { Chain, FilterOperator, QueryResult, Row, TableQuery } from '../../index.js';
import { DbFailure, invalid } from './error.js';
import { toJson } from './json.js';
import { columns, conditions } from './parse.js';
import { identifier, operator, type Filter, type Operator, type Query, type Values } from './query.js';
import type { Search } from './nearest.js';

/** What runs the queries of chains. */
export interface Runner {
  run(query: Query): Promise<QueryResult<any>>;
  search(search: Search): Promise<Array<{ score: number; data: Row }>>;
}

/** A chain on `table`. */
export function tableQuery(runner: Runner, table: string): TableQuery<any> {
  const chain = (make: (query: Query) => void) => new QueryChain(runner, table, make);
  return {
    select: (names = '*', { count, head = false } = {}) =>
      chain((query) => {
        query.returning = columns(names);
        query.count = count === 'exact';
        query.head = head;
      }),
    insert: (rows) => chain((query) => (query.action = { type: 'insert', rows: toRows(rows) })),
    upsert: (rows, { onConflict = '', ignoreDuplicates = false } = {}) =>
      chain((query) => {
        const key = onConflict.split(',').map((name) => name.trim());
        const names = key.filter((name) => name !== '').map(identifier);
        query.action = { type: 'upsert', rows: toRows(rows), onConflict: names, ignoreDuplicates };
      }),
    update: (values) =>
      chain((query) => (query.action = { type: 'update', values: toRow(values, 'expected an object of columns to update') })),
    delete: () => chain((query) => (query.action = { type: 'delete' })),
  };
}

class QueryChain implements Chain<any, any> {
  readonly #runner: Runner;
  readonly #query: Query;
  #failed: DbFailure | undefined;
  #result: Promise<QueryResult<any>> | undefined;

  constructor(runner: Runner, table: string, make: (query: Query) => void) {
    this.#runner = runner;
    this.#query = {
      table,
      action: { type: 'select' },
      returning: undefined,
      filters: [],
      everyRow: false,
      order: [],
      offset: 0,
      limit: undefined,
      cardinality: 'many',
      count: false,
      head: false,
    };
    this.#with(() => identifier(table));
    this.#with(() => make(this.#query));
  }

  #with(step: () => void): this {
    try {
      step();
    } catch (error) {
      if (!(error instanceof DbFailure)) throw error;
      this.#failed ??= error;
    }
    return this;
  }

  #compare(column: string, own: Operator, value: unknown, wrap = (filter: Filter) => filter): this {
    return this.#with(() => {
      const filter: Filter = { type: 'compare', column: identifier(column), operator: own, value: toJson(value) };
      this.#query.filters.push(wrap(filter));
    });
  }

  select(names = '*'): this {
    return this.#with(() => (this.#query.returning = columns(names)));
  }

  eq(column: string, value: unknown): this {
    return this.#compare(column, 'eq', value);
  }
  neq(column: string, value: unknown): this {
    return this.#compare(column, 'neq', value);
  }
  gt(column: string, value: unknown): this {
    return this.#compare(column, 'gt', value);
  }
  gte(column: string, value: unknown): this {
    return this.#compare(column, 'gte', value);
  }
  lt(column: string, value: unknown): this {
    return this.#compare(column, 'lt', value);
  }
  lte(column: string, value: unknown): this {
    return this.#compare(column, 'lte', value);
  }
  like(column: string, pattern: string): this {
    return this.#compare(column, 'like', pattern);
  }
  ilike(column: string, pattern: string): this {
    return this.#compare(column, 'ilike', pattern);
  }
  is(column: string, value: boolean | null): this {
    return this.#compare(column, 'is', value);
  }
  in(column: string, values: readonly unknown[]): this {
    return this.#compare(column, 'in', values);
  }
  contains(column: string, value: unknown): this {
    return this.#compare(column, 'contains', value);
  }

  filter(column: string, name: FilterOperator, value: unknown): this {
    return this.#with(() => this.#compare(column, operator(name), value));
  }

  not(column: string, name: FilterOperator, value: unknown): this {
    const wrap = (filter: Filter): Filter => ({ type: 'not', filter });
    return this.#with(() => this.#compare(column, operator(name), value, wrap));
  }

  or(text: string): this {
    return this.#with(() => this.#query.filters.push({ type: 'any', filters: conditions(text) }));
  }

  match(wanted: Record<string, unknown>): this {
    return this.#with(() => {
      const fields = Object.entries(toRow(wanted, 'expected an object of columns to match'));
      if (fields.length === 0) this.#query.everyRow = true;
      for (const [column, value] of fields) this.eq(column, value);
    });
  }

  order(column: string, { ascending = true, nullsFirst }: { ascending?: boolean; nullsFirst?: boolean } = {}): this {
    return this.#with(() => {
      const descending = !ascending;
      this.#query.order.push({ column: identifier(column), descending, nullsFirst: nullsFirst ?? descending });
    });
  }

  limit(count: number): this {
    return this.#with(() => (this.#query.limit = whole('limit', count)));
  }

  range(from: number, to: number): this {
    return this.#with(() => {
      this.#query.offset = whole('range', from);
      this.#query.limit = Math.max(0, whole('range', to) + 1 - from);
    });
  }

  single(): this {
    this.#query.cardinality = 'one';
    return this;
  }

  maybeSingle(): this {
    this.#query.cardinality = 'one or none';
    return this;
  }

  async vectorSearch(
    column: string,
    embedding: readonly number[],
    { limit = 10, minScore }: { limit?: number; minScore?: number; exact?: boolean } = {},
  ): Promise<Array<{ score: number; data: any }>> {
    this.#with(() => identifier(column));
    if (this.#failed) throw this.#failed;
    // a search here is always exact, whatever is asked
    return this.#runner.search({ query: this.#query, column, embedding, limit, minScore });
  }

  then<Done = QueryResult<any>, Failed = never>(
    done?: ((result: QueryResult<any>) => Done | PromiseLike<Done>) | null,
    failed?: ((reason: unknown) => Failed | PromiseLike<Failed>) | null,
  ): Promise<Done | Failed> {
    this.#result ??= this.#failed ? Promise.resolve(resultOf(this.#failed)) : this.#runner.run(this.#query);
    return this.#result.then(done, failed);
  }
}

/** What a query that was not done resolves to. */
export function resultOf(failure: DbFailure): QueryResult<null> {
  const { status, statusText } = failure;
  return { data: null, error: failure.toJSON(), count: null, status, statusText };
}

function whole(what: string, count: number): number {
  if (Number.isInteger(count) && count >= 0) return count;
  throw invalid(`${what}: expected a whole number from 0 up, found ${count}`);
}

function toRows(rows: unknown): Values[] {
  const all = Array.isArray(rows) ? rows : [rows];
  return all.map((row) => toRow(row, 'expected a row, or an array of rows, of columns'));
}

function toRow(value: unknown, otherwise: string): Values {
  const row = toJson(value);
  if (typeof row !== 'object' || row === null || Array.isArray(row)) throw invalid(otherwise);
  for (const name of Object.keys(row)) identifier(name);
  return row;
}
