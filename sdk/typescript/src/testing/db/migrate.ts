// The migrations of a module, each once and forward only, as the gateway applies them.

import { createHash } from 'node:crypto';

import { code, DbFailure, invalid } from './error.js';
import { script } from './script.js';
import type { Sqlite } from './sqlite.js';

/** One step: the file `migrations/001_create.sql` is named `001_create.sql`. */
export interface Migration {
  name: string;
  sql: string;
}

/** What came of it. */
export interface Migrated {
  /** The names of the steps that were applied now. */
  applied: string[];
  /** Those that were applied before, and are newer than all that there are. */
  newer: string[];
}

interface Step {
  number: number;
  name: string;
  sql: string;
  checksum: string;
}

const RECORDS = `CREATE TABLE IF NOT EXISTS penstock_migrations (
  module TEXT NOT NULL, number INTEGER NOT NULL, name TEXT NOT NULL, checksum TEXT NOT NULL,
  PRIMARY KEY (module, number))`;

/** Applies the steps of `module` that are not applied. */
export function migrate(sqlite: Sqlite, module: string, files: readonly Migration[]): Migrated {
  const steps = files.map(step).sort((a, b) => a.number - b.number);
  const done: Migrated = { applied: [], newer: [] };
  if (steps.length === 0) return done;
  for (const [at, one] of steps.entries()) {
    const next = steps[at + 1];
    if (next?.number === one.number) throw invalid(`migrations ${q(one.name)} and ${q(next.name)} have the same number`);
  }
  sqlite.run({ sql: RECORDS, parameters: [] });
  const records = sqlite.run({
    sql: 'SELECT number, name, checksum FROM penstock_migrations WHERE module = ? ORDER BY number',
    parameters: [module],
  }).rows.map(([number, name, checksum]) => ({ number: Number(number), name: String(name), checksum }));
  const newest = steps.at(-1)?.number ?? 0;
  const about = (failure: unknown, one?: Step) => {
    if (!(failure instanceof DbFailure)) return failure;
    const which = one ? `migration ${q(one.name)}` : 'migrations';
    return failure.about(`${which} of module ${q(module)}: ${failure.message}`);
  };
  const lost = records.find(({ number }) => number < newest && !steps.some((one) => one.number === number));
  if (lost) throw about(refused(`${q(lost.name)} was applied before, and is not there any more`, 'put its file back'));
  for (const one of steps) {
    const record = records.find(({ number }) => number === one.number);
    const last = records.at(-1);
    if (record && record.checksum !== one.checksum) {
      const message = `the text of ${q(one.name)} was changed after it was applied`;
      throw about(refused(message, 'put its old text back, and what is new into a migration of its own'));
    }
    if (record) continue;
    if (last && last.number > one.number) {
      const message = `${q(one.name)} is new, and ${q(last.name)} is applied already`;
      throw about(refused(message, 'give it a number above all that are applied'));
    }
    try {
      apply(sqlite, module, one);
    } catch (error) {
      throw about(error, one);
    }
    done.applied.push(one.name);
  }
  done.newer = records.filter(({ number }) => number > newest).map(({ name }) => name);
  return done;
}

function apply(sqlite: Sqlite, module: string, { number, name, sql, checksum }: Step): void {
  const { statements, loose } = script(sql, []);
  if (loose) throw invalid('PRAGMA and VACUUM cannot be part of a migration');
  sqlite.whole(() => {
    for (const [at, statement] of statements.entries()) {
      try {
        sqlite.run(statement);
      } catch (error) {
        const place = `statement ${at + 1} of ${statements.length}`;
        throw error instanceof DbFailure ? error.about(`${place}: ${error.message}`) : error;
      }
    }
    sqlite.run({
      sql: 'INSERT INTO penstock_migrations (module, number, name, checksum) VALUES (?, ?, ?, ?)',
      parameters: [module, BigInt(number), name, checksum],
    });
  });
}

function step({ name: file, sql }: Migration): Step {
  const found = /^((\d+)_[A-Za-z0-9_.-]*)\.sql$/.exec(file);
  const [, name = '', digits = '0'] = found ?? [];
  if (!found || Number(digits) < 1 || /\.(up|down)$/.test(name)) {
    throw invalid(`migration file ${q(file)}: expected a name such as "001_create_table.sql"`);
  }
  // as one text on every system that checks files out with line ends of its own
  const text = sql.replace(/^\uFEFF/, '').replaceAll('\r\n', '\n');
  if (text.trim() === '') throw invalid(`migration file ${q(file)}: expected SQL, found nothing but space`);
  return { number: Number(digits), name, sql: text, checksum: createHash('sha256').update(text).digest('hex') };
}

function refused(message: string, hint: string): DbFailure {
  return new DbFailure(code.migration, message, { hint });
}

function q(text: string): string {
  return JSON.stringify(text);
}
