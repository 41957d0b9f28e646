// A query as data.

import type { FilterOperator } from '../../index.js';
import { invalid } from './error.js';
import type { Json } from './json.js';

/** The columns of one row. */
export type Values = Record<string, Json>;

/** What to do with which rows of a table. */
export interface Query {
  table: string;
  action: Action;
  /** The columns to give; `undefined` after a write that gives none. */
  returning: Selected[] | undefined;
  /** Which rows: those for which all of them hold. */
  filters: Filter[];
  /** Whether every row is meant where there is no filter. */
  everyRow: boolean;
  order: Sort[];
  offset: number;
  limit: number | undefined;
  cardinality: 'many' | 'one' | 'one or none';
  count: boolean;
  head: boolean;
}

/** What a query does. */
export type Action =
  | { type: 'select' }
  | { type: 'insert'; rows: Values[] }
  | { type: 'upsert'; rows: Values[]; onConflict: string[]; ignoreDuplicates: boolean }
  | { type: 'update'; values: Values }
  | { type: 'delete' };

/** Every column, or one with its name in the answer. */
export type Selected = '*' | { name: string; alias: string };

/** A condition on a row. */
export type Filter =
  | { type: 'compare'; column: string; operator: Operator; value: Json }
  | { type: 'not'; filter: Filter }
  | { type: 'all'; filters: Filter[] }
  | { type: 'any'; filters: Filter[] };

/** How a column is compared. */
export type Operator = Exclude<FilterOperator, 'cs'>;

/** One column to sort by. */
export interface Sort {
  column: string;
  descending: boolean;
  nullsFirst: boolean;
}

const OPERATORS: ReadonlySet<string> = new Set<Operator>([
  'eq',
  'neq',
  'gt',
  'gte',
  'lt',
  'lte',
  'like',
  'ilike',
  'is',
  'in',
  'contains',
]);

/** The operator of that name. */
export function operator(name: string): Operator {
  const found = name === 'cs' ? 'contains' : name;
  if (OPERATORS.has(found)) return found as Operator;
  throw invalid(`expected an operator such as eq, in or like, found ${JSON.stringify(name)}`);
}

/** A name of a table or a column, if it may be one. */
export function identifier(name: string): string {
  if (typeof name === 'string' && /^[A-Za-z_][A-Za-z0-9_]{0,62}$/.test(name)) return name;
  const found = JSON.stringify(name);
  throw invalid(`expected a name of up to 63 letters, digits and underscores, found ${found}`);
}

/** Every column that a filter names. */
export function columnsOf(filter: Filter): string[] {
  switch (filter.type) {
    case 'compare':
      return [filter.column];
    case 'not':
      return columnsOf(filter.filter);
    default:
      return filter.filters.flatMap(columnsOf);
  }
}

/** Every column that a query names. */
export function named(query: Query): string[] {
  const { action } = query;
  const rows = 'rows' in action ? action.rows : action.type === 'update' ? [action.values] : [];
  return [
    ...query.filters.flatMap(columnsOf),
    ...query.order.map((sort) => sort.column),
    ...(query.returning ?? []).flatMap((selected) => (selected === '*' ? [] : [selected.name])),
    ...(action.type === 'upsert' ? action.onConflict : []),
    ...rows.flatMap((row) => Object.keys(row)),
  ];
}
