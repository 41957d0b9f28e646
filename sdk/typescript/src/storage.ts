// Where modules keep state. The same interface stands before embedded and managed backends; a module cannot tell
// which, except by `kind`.

/** Keys and values, tables, files. */
export interface StorageAdapter {
  /** `local` if every part is embedded. */
  kind: 'cloud' | 'local';
  kv: KvStore;
  db: Database;
  blob: BlobStore;
  health(): Promise<HealthStatus>;
}

/** Whether the storage works. */
export interface HealthStatus {
  ok: boolean;
  details?: Record<string, unknown>;
}

/** A store of short texts. Keys are 1 to 1,024 bytes, meant literally, and shared by all modules. */
export interface KvStore {
  /** `null` on a miss; an outage is a miss. */
  get(key: string): Promise<string | null>;
  /**
   * Without `ttlSeconds`, or with 0, the entry has no end, and an older end is cleared; a negative one is over
   * already. What fails is logged, and nothing is written. A `volatile` entry may be dropped for want of room.
   */
  set(key: string, value: string | number, ttlSeconds?: number, options?: { volatile?: boolean }): Promise<void>;
  /** Writes if there is nothing, atomically: the primitive of locks. False during an outage. */
  setNx(key: string, value: string | number, ttlSeconds: number): Promise<boolean>;
  del(key: string): Promise<void>;
  /** Seconds, rounded up; -1 without an end, -2 if there is no such key. */
  ttl(key: string): Promise<number>;
  /** Adds, atomically, and gives the sum; `ttlSeconds` counts only where the entry is new. Rejects in an outage. */
  incr(key: string, by?: number, ttlSeconds?: number): Promise<number>;
  /** Writes if the value is `expected`, `null` for none; whether it did. Rejects in an outage. */
  cas(key: string, expected: string | null, value: string | number, ttlSeconds?: number): Promise<boolean>;
}

/** A row of a table. */
// `any`, not `unknown`: rows are read as supabase-js gives them, and existing modules do so
export type Row = Record<string, any>;

/** Tables. */
export interface Database {
  /** Begins a chain on a table. With `exact: false` its vector searches may be answered by an index. */
  from<T extends object = Row>(table: string, options?: { exact?: boolean }): TableQuery<T>;
  /**
   * Runs SQL of the storage's dialect; gives the rows of the last statement. `?` and `$1` both bind; several
   * statements only without parameters. Rejects when it fails.
   */
  raw<T extends object = Row>(sql: string, params?: readonly unknown[]): Promise<T[]>;
}

/** What a chain resolves to. It never rejects. */
export interface QueryResult<Data> {
  data: Data | null;
  error: DbError | null;
  /** How many rows the filters let through, if `count: 'exact'` asked for it. */
  count: number | null;
  status: number;
  statusText: string;
}

/** What went wrong. The codes are the same on every backend: `PGRST116`, `23505`, `42P01`, `PS001` … */
export interface DbError {
  message: string;
  details: string | null;
  hint: string | null;
  code: string;
}

/** The start of a chain. */
export interface TableQuery<T extends object> {
  /** Columns are `*` or names: `a, b, alias:a`. */
  select(columns?: string, options?: { count?: 'exact'; head?: boolean }): Chain<T[], T>;
  insert(rows: Partial<T> | readonly Partial<T>[]): Chain<null, T>;
  upsert(
    rows: Partial<T> | readonly Partial<T>[],
    options?: { onConflict?: string; ignoreDuplicates?: boolean },
  ): Chain<null, T>;
  /** Needs a filter; `.match({})` says that every row is meant. */
  update(values: Partial<T>): Chain<null, T>;
  /** Needs a filter; `.match({})` says that every row is meant. */
  delete(): Chain<null, T>;
}

/** An operator by its name. */
export type FilterOperator =
  | 'eq'
  | 'neq'
  | 'gt'
  | 'gte'
  | 'lt'
  | 'lte'
  | 'like'
  | 'ilike'
  | 'is'
  | 'in'
  | 'contains'
  | 'cs';

/** A query in the making: it does nothing until it is awaited. */
export interface Chain<Data, T extends object> extends PromiseLike<QueryResult<Data>> {
  /** After a write: gives the rows as they were stored. */
  select(columns?: string): Chain<T[], T>;

  /** Equal; `null` is equal to nothing. */
  eq(column: string, value: unknown): this;
  neq(column: string, value: unknown): this;
  gt(column: string, value: unknown): this;
  gte(column: string, value: unknown): this;
  lt(column: string, value: unknown): this;
  lte(column: string, value: unknown): this;
  /** `%` and `_`, by case. */
  like(column: string, pattern: string): this;
  /** The same, whatever the case. */
  ilike(column: string, pattern: string): this;
  is(column: string, value: boolean | null): this;
  in(column: string, values: readonly unknown[]): this;
  /** JSON that contains this. */
  contains(column: string, value: unknown): this;
  /** At least one of these: `a.eq.1,b.is.null,and(c.gt.1,d.in.(x,y))`. */
  or(conditions: string): this;
  not(column: string, operator: FilterOperator, value: unknown): this;
  /** Equal in all of these columns; `{}` means every row. */
  match(columns: Record<string, unknown>): this;
  filter(column: string, operator: FilterOperator, value: unknown): this;

  order(column: string, options?: { ascending?: boolean; nullsFirst?: boolean }): this;
  limit(count: number): this;
  /** From the one to the other, both included, counted from 0. */
  range(from: number, to: number): this;
  /** Exactly one row, else `PGRST116`. */
  single(): Chain<T, T>;
  /** One row or `null`; several are `PGRST116`. */
  maybeSingle(): Chain<T | null, T>;

  /**
   * The rows nearest to `embedding` among those that the filters let through, best first, by their cosine. Exact
   * unless the call or the table says `exact: false`.
   */
  vectorSearch(
    column: string,
    embedding: readonly number[],
    options?: { limit?: number; minScore?: number; exact?: boolean },
  ): Promise<Array<{ score: number; data: T }>>;
}

/** What `blob.get` gives: Node's `Buffer` where its types are known, else `Uint8Array`. */
export type BlobContent = typeof globalThis extends { Buffer: { alloc(size: number): infer B } } ? B : Uint8Array;

/** A store of files, by keys such as `reports/2026/01.json`. */
export interface BlobStore {
  /** A reader sees the old content or the new; durable when it resolves. Rejects in an outage. */
  put(key: string, content: Uint8Array | string): Promise<void>;
  get(key: string): Promise<BlobContent | null>;
  delete(key: string): Promise<void>;
  /** All keys with this prefix, sorted by bytes. */
  list(prefix: string): Promise<string[]>;
}
