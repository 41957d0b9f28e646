// SQLite in memory, compiled to WebAssembly: nothing to build, nothing to start.
//
// It is the one that the SQLite project makes, an optional peer of this package: only tests that use tables need it.

import { code, DbFailure, refusal } from './error.js';
import type { Statement } from './script.js';
import type { Cell } from './value.js';

/** What a statement answered. */
export interface Rows {
  /** The name of each column, and the type with which it was declared; none for an expression. */
  fields: Array<{ name: string; declared: string | null }>;
  rows: Cell[][];
}

/** One database. */
export class Sqlite {
  readonly #module: any;
  readonly #database: any;

  private constructor(module: any) {
    this.#module = module;
    this.#database = new module.oo1.DB(':memory:');
    this.run({ sql: 'PRAGMA foreign_keys = ON', parameters: [] });
  }

  /** A new one, with nothing in it. */
  static async open(): Promise<Sqlite> {
    return new Sqlite(await load());
  }

  /** Runs one statement. */
  run({ sql, parameters }: Statement): Rows {
    const { capi } = this.#module;
    const statement = this.#prepare(sql);
    try {
      for (const [at, cell] of parameters.entries()) statement.bind(at + 1, cell);
      const count: number = capi.sqlite3_column_count(statement.pointer);
      const places = Array.from({ length: count }, (_, at) => at);
      const rows: Cell[][] = [];
      for (;;) {
        const done = capi.sqlite3_step(statement.pointer);
        if (done === capi.SQLITE_DONE) break;
        if (done !== capi.SQLITE_ROW) throw this.#failure();
        rows.push(places.map((at) => this.#cell(statement.pointer, at)));
      }
      const fields = places.map((at) => ({
        name: String(capi.sqlite3_column_name(statement.pointer, at)),
        declared: capi.sqlite3_column_decltype(statement.pointer, at) as string | null,
      }));
      return { fields, rows };
    } finally {
      statement.finalize();
    }
  }

  /** Does `work` in one transaction: all of it, or nothing. */
  whole<T>(work: () => T): T {
    this.run({ sql: 'BEGIN IMMEDIATE', parameters: [] });
    try {
      const done = work();
      this.run({ sql: 'COMMIT', parameters: [] });
      return done;
    } catch (error) {
      // some failures have ended it already
      if (!this.#module.capi.sqlite3_get_autocommit(this.#database.pointer)) {
        this.run({ sql: 'ROLLBACK', parameters: [] });
      }
      throw error;
    }
  }

  close(): void {
    this.#database.close();
  }

  #cell(statement: unknown, at: number): Cell {
    const { capi } = this.#module;
    const cell = capi.sqlite3_column_js(statement, at);
    // no bytes at all are given as null
    return cell === null && capi.sqlite3_column_type(statement, at) === capi.SQLITE_BLOB ? new Uint8Array() : cell;
  }

  #prepare(sql: string): any {
    try {
      return this.#database.prepare(sql);
    } catch {
      throw this.#failure();
    }
  }

  #failure(): DbFailure {
    const { capi } = this.#module;
    const { pointer } = this.#database;
    return refusal(capi.sqlite3_extended_errcode(pointer), capi.sqlite3_errmsg(pointer));
  }
}

let loading: Promise<any> | undefined;

function load(): Promise<any> {
  loading ??= (async () => {
    let initialise;
    try {
      ({ default: initialise } = await import('@sqlite.org/sqlite-wasm'));
    } catch (error) {
      const details = error instanceof Error ? error.message : String(error);
      const hint = 'npm install --save-dev @sqlite.org/sqlite-wasm';
      throw new DbFailure(code.unavailable, `tables in memory need @sqlite.org/sqlite-wasm: ${hint}`, { details, hint });
    }
    const quiet = () => undefined;
    return initialise({ print: quiet, printErr: quiet });
  })();
  return loading;
}
