// A query as the conformance kit has it, made again with the calls that a module would write.

import type { Chain, Database, FilterOperator } from '../src/index.js';
import type { Json } from '../src/testing/db/json.js';
import { writeJson } from './wire-json.js';

/** A query of the kit. */
export interface WireQuery {
  table: string;
  action: { type: string; rows?: any; onConflict?: string; ignoreDuplicates?: boolean };
  /** Columns for `select`; none after a write that gives none. */
  returning: string | null;
  filters: WireFilter[];
  everyRow: boolean;
  order: Array<{ column: string; ascending: boolean; nullsFirst: boolean }>;
  offset: number;
  limit: number | null;
  cardinality: 'many' | 'one' | 'one or none';
  count: boolean;
  head: boolean;
}

type WireFilter =
  | { column: string; operator: FilterOperator; value: Json }
  | { not: WireFilter }
  | { all: WireFilter[] }
  | { any: WireFilter[] };

/** The chain for it. */
export function chainOf(db: Database, query: WireQuery): Chain<any, any> {
  let chain: Chain<any, any> = begin(db, query);
  if (query.everyRow) chain = chain.match({});
  for (const filter of query.filters) chain = filtered(chain, filter);
  for (const { column, ...options } of query.order) chain = chain.order(column, options);
  if (query.limit !== null && query.offset > 0) {
    chain = chain.range(Number(query.offset), Number(query.offset) + Number(query.limit) - 1);
  } else if (query.limit !== null) {
    chain = chain.limit(Number(query.limit));
  }
  if (query.cardinality === 'one') return chain.single();
  return query.cardinality === 'one or none' ? chain.maybeSingle() : chain;
}

function begin(db: Database, { table, action, returning, count, head }: WireQuery): Chain<any, any> {
  const from = db.from<any>(table);
  const { onConflict = '', ignoreDuplicates = false, rows } = action;
  const giving = (chain: Chain<any, any>) => (returning === null ? chain : chain.select(returning));
  switch (action.type) {
    case 'insert':
      return giving(from.insert(rows));
    case 'upsert':
      return giving(from.upsert(rows, { onConflict, ignoreDuplicates }));
    case 'update':
      return giving(from.update(rows));
    case 'delete':
      return giving(from.delete());
    default:
      return from.select(returning ?? '*', { ...(count && { count: 'exact' as const }), head });
  }
}

function filtered(chain: Chain<any, any>, filter: WireFilter): Chain<any, any> {
  if ('column' in filter) {
    // by the method of that name where there is one, so that each is called
    const { column, operator, value } = filter;
    const own = (chain as unknown as Record<string, (column: string, value: Json) => Chain<any, any>>)[operator];
    return own ? own.call(chain, column, value) : chain.filter(column, operator, value);
  }
  if ('not' in filter && 'column' in filter.not) {
    return chain.not(filter.not.column, filter.not.operator, filter.not.value);
  }
  return 'any' in filter ? chain.or(filter.any.map(textOf).join(',')) : chain.or(textOf(filter));
}

/** A condition as `or` takes it. */
function textOf(filter: WireFilter): string {
  if ('not' in filter) return `not.${textOf(filter.not)}`;
  if ('all' in filter) return `and(${filter.all.map(textOf).join(',')})`;
  if ('any' in filter) return `or(${filter.any.map(textOf).join(',')})`;
  const { column, operator, value } = filter;
  return `${column}.${operator}.${operand(operator, value)}`;
}

function operand(operator: FilterOperator, value: Json): string {
  if (operator === 'contains' || operator === 'cs') return writeJson(value);
  if (Array.isArray(value)) return `(${value.map((part) => operand('eq', part)).join(',')})`;
  return typeof value === 'string' ? `"${value.replace(/["\\]/g, '\\$&')}"` : writeJson(value);
}
