// What a query is refused with; the codes are those of every backend.

import type { DbError } from '../../index.js';

/** The codes, mostly of SQLSTATE. */
export const code = {
  notOne: 'PGRST116',
  noFilter: 'PS001',
  invalid: 'PS002',
  migration: 'PS003',
  denied: '42501',
  unique: '23505',
  foreignKey: '23503',
  notNull: '23502',
  check: '23514',
  noTable: '42P01',
  noColumn: '42703',
  noKey: '42P10',
  exists: '42P07',
  columnExists: '42701',
  badValue: '22P02',
  badVector: '22000',
  unavailable: '08006',
  other: '42000',
} as const;

const STATUS: Record<string, number> = {
  [code.notOne]: 406,
  [code.unique]: 409,
  [code.foreignKey]: 409,
  [code.noTable]: 404,
  [code.denied]: 403,
  [code.unavailable]: 503,
};

const STATUS_TEXT: Record<number, string> = {
  403: 'Forbidden',
  404: 'Not Found',
  406: 'Not Acceptable',
  409: 'Conflict',
  503: 'Service Unavailable',
};

/** A query that was not done. A chain resolves to it, `raw` and `vectorSearch` reject with it. */
export class DbFailure extends Error implements DbError {
  override readonly name = 'DbFailure';
  readonly code: string;
  readonly details: string | null;
  readonly hint: string | null;

  constructor(errorCode: string, message: string, more: { details?: string; hint?: string } = {}) {
    super(message);
    this.code = errorCode;
    this.details = more.details ?? null;
    this.hint = more.hint ?? null;
  }

  get status(): number {
    return STATUS[this.code] ?? 400;
  }

  get statusText(): string {
    return STATUS_TEXT[this.status] ?? 'Bad Request';
  }

  /** The same, about something more. */
  about(message: string): DbFailure {
    const more = { ...(this.details && { details: this.details }), ...(this.hint && { hint: this.hint }) };
    return new DbFailure(this.code, message, more);
  }

  /** As a chain gives it. */
  toJSON(): DbError {
    return { message: this.message, details: this.details, hint: this.hint, code: this.code };
  }
}

/** A query that makes no sense. */
export function invalid(message: string): DbFailure {
  return new DbFailure(code.invalid, message);
}

/** A failure of SQLite, by its extended result code, or by its words. */
export function refusal(number: number, message: string): DbFailure {
  const byNumber: Record<number, string> = {
    2067: code.unique,
    1555: code.unique,
    2579: code.unique,
    787: code.foreignKey,
    1811: code.foreignKey,
    1299: code.notNull,
    275: code.check,
  };
  const byWords: Array<[string, string]> = [
    ['no such table', code.noTable],
    ['no such column', code.noColumn],
    ['has no column named', code.noColumn],
    ['already exists', code.exists],
    ['duplicate column name', code.columnExists],
  ];
  const found = byNumber[number] ?? byWords.find(([words]) => message.includes(words))?.[1] ?? code.other;
  return new DbFailure(found, message);
}
