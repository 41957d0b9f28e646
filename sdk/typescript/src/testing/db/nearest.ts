// The rows nearest to an embedding: every row is looked at, so that the answer is exact.

import { code, DbFailure } from './error.js';
import type { ParseJson } from './json.js';
import type { Query } from './query.js';
import { select } from './render.js';
import type { Sqlite } from './sqlite.js';
import { rowOf, type Table } from './table.js';
import { fits, vectorOf, type Cell } from './value.js';

/** What to look for. */
export interface Search {
  /** Among which rows, and which columns to give. */
  query: Query;
  column: string;
  embedding: readonly number[];
  limit: number;
  minScore: number | undefined;
}

interface Candidate {
  score: number;
  id: Cell;
  row: Cell[];
}

/** The best rows, best first; ties go by id. */
export function nearest(
  sqlite: Sqlite,
  table: Table,
  { query, column, embedding, limit, minScore }: Search,
  parse: ParseJson,
): Array<{ score: number; data: Record<string, unknown> }> {
  const vector = table.require(column);
  if (vector.kind.type === 'vector') fits(vector.name, embedding.length, vector.kind.width);
  const odd = embedding.findIndex((number) => !Number.isFinite(number));
  if (odd >= 0) {
    const message = `the embedding expects finite numbers, found ${embedding[odd]} at place ${odd}`;
    throw new DbFailure(code.badValue, message);
  }
  if (Number.isNaN(minScore)) throw new DbFailure(code.badValue, 'the least score expects a number, found NaN');
  const wanted = scaled(embedding);
  const answered = table.selected(query.returning ?? []);
  const columns = [vector, table.identity() ?? vector, ...answered.map((one) => one.column)];
  const found: Candidate[] = [];
  for (const [stored = null, id = null, ...row] of sqlite.run(select(table, query, columns)).rows) {
    const numbers = vectorOf(stored);
    const score = numbers && cosine(numbers, wanted);
    if (score !== undefined && score >= (minScore ?? -Infinity)) found.push({ score, id, row });
  }
  found.sort((a, b) => b.score - a.score || byId(a.id, b.id));
  return found.slice(0, limit).map(({ score, row }) => ({ score, data: rowOf(answered, row, parse) }));
}

/** A power of two brings numbers that cannot be squared to where they can; it changes no direction. */
function scaled(numbers: readonly number[]): readonly number[] {
  const largest = numbers.reduce((most, number) => Math.max(most, Math.abs(number)), 0);
  if (largest === 0 || (largest >= 1e-100 && largest < 1e100)) return numbers;
  const by = 2 ** Math.min(1000, Math.max(-1000, -Math.floor(Math.log2(largest))));
  return numbers.map((number) => number * by);
}

/** What is missing at the end of either counts as zeros. What has a number that is not finite is no vector. */
function cosine(vector: readonly number[], embedding: readonly number[]): number | undefined {
  let [product, square] = [0, 0];
  for (const [at, number] of vector.entries()) {
    product += number * (embedding[at] ?? 0);
    square += number * number;
  }
  const length = Math.sqrt(embedding.reduce((sum, number) => sum + number * number, 0));
  if (!Number.isFinite(square)) return undefined;
  const lengths = Math.sqrt(square) * length;
  return lengths > 0 ? Math.min(1, Math.max(-1, product / lengths)) : 0;
}

function byId(a: Cell, b: Cell): number {
  if (typeof a === 'string' && typeof b === 'string') return Buffer.compare(Buffer.from(a), Buffer.from(b));
  if (a instanceof Uint8Array && b instanceof Uint8Array) return Buffer.compare(a, b);
  if (typeof a === 'object' || typeof b === 'object' || typeof a !== typeof b) return 0;
  return a < b ? -1 : a > b ? 1 : 0;
}
