// How values and what columns hold turn into each other: by the type of the column.

import { code, DbFailure } from './error.js';
import { shapeOf, textOf, type Json, type ParseJson } from './json.js';
import { timestamp } from './time.js';

/** A value as SQLite carries it. */
export type Cell = null | number | bigint | string | Uint8Array;

/** What a column holds. */
export type Kind =
  | { type: 'text' | 'integer' | 'real' | 'decimal' | 'boolean' | 'json' | 'blob' | 'timestamp' | 'other' }
  | { type: 'vector'; width: number | undefined };

/** Whole numbers beyond this are not exact in JavaScript, and so come as texts. */
const EXACT = 2n ** 53n;
const [LEAST, GREATEST] = [-(2n ** 63n), 2n ** 63n - 1n];

/** By the name of a type, as any dialect spells it. */
export function kindOf(declared: string): Kind {
  const name = declared.toLowerCase();
  const has = (part: string) => name.includes(part);
  if (name.startsWith('vector') || name.startsWith('f32_blob')) {
    const width = /\(\s*(\d+)\s*\)/.exec(name)?.[1];
    return { type: 'vector', width: width === undefined ? undefined : Number(width) };
  }
  if (has('bool') || name === 'tinyint(1)') return { type: 'boolean' };
  if (has('json')) return { type: 'json' };
  if (has('timestamp') || has('datetime')) return { type: 'timestamp' };
  if ((has('int') && !has('interval') && !has('point')) || has('serial')) return { type: 'integer' };
  if (has('char') || has('clob') || has('text')) return { type: 'text' };
  if (has('blob') || has('bytea') || has('binary')) return { type: 'blob' };
  if (has('real') || has('floa') || has('doub')) return { type: 'real' };
  if (has('numeric') || has('decimal')) return { type: 'decimal' };
  return { type: 'other' };
}

const NOUN: Record<Kind['type'], string> = {
  text: 'a text',
  other: 'a text',
  integer: 'a whole number of 64 bits',
  real: 'a number',
  decimal: 'a number',
  boolean: 'true or false',
  json: 'JSON',
  blob: 'bytes in base64',
  vector: 'an array of numbers',
  timestamp: 'a time such as 2026-01-31T12:00:00Z',
};

/** What `value` is in a column of that kind. */
export function encode(kind: Kind, column: string, value: Json): Cell {
  if (value === null) return null;
  const cell = cellOf(kind, column, value);
  if (cell === undefined) {
    const message = `column ${JSON.stringify(column)} expects ${NOUN[kind.type]}, found ${shapeOf(value)}`;
    throw new DbFailure(code.badValue, message);
  }
  if (typeof cell === 'string' && cell.includes('\0')) {
    const message = `column ${JSON.stringify(column)} cannot hold a text with a null character`;
    throw new DbFailure(code.badValue, message);
  }
  return cell;
}

function cellOf(kind: Kind, column: string, value: Json): Cell | undefined {
  switch (kind.type) {
    case 'text':
    case 'other':
      return typeof value === 'string' ? value : textOf(value);
    case 'json':
      // PostgreSQL cannot hold a null character in a document
      return hasNul(value) ? '\0' : textOf(value);
    case 'integer':
      return integer(value);
    case 'real':
      return numberOf(value);
    case 'decimal':
      return numberOf(value) === undefined ? undefined : typeof value === 'string' ? value : textOf(value);
    case 'boolean':
      return boolean(value);
    case 'timestamp':
      return typeof value === 'string' ? timestamp(value) : undefined;
    case 'blob':
      return typeof value === 'string' ? bytes(value) : undefined;
    case 'vector':
      return vector(column, value, kind.width);
  }
}

/** What a column of that kind holds, as modules see it. */
export function decode(kind: Kind, cell: Cell, parse: ParseJson): Json {
  if (cell === null) return null;
  if (cell instanceof Uint8Array) {
    if (kind.type === 'vector') return Array.from(floatsOf(cell), shortest);
    const isText = ['text', 'json', 'other', 'timestamp'].includes(kind.type);
    return isText ? decode(kind, Buffer.from(cell).toString(), parse) : Buffer.from(cell).toString('base64');
  }
  if (typeof cell !== 'string') {
    if (kind.type === 'boolean' && isWhole(cell)) return Number(cell) !== 0;
    return typeof cell === 'bigint' && (cell > EXACT || cell < -EXACT) ? cell.toString() : Number(cell);
  }
  switch (kind.type) {
    case 'json':
      try {
        return parse(cell);
      } catch {
        return cell;
      }
    case 'vector':
      return vectorOf(cell)?.map(shortest) ?? cell;
    case 'timestamp':
      return timestamp(cell) ?? cell;
    default:
      return cell;
  }
}

/** What a parameter of raw SQL is, where no column says. */
export function plain(value: Json): Cell {
  if (typeof value === 'boolean') return value ? 1 : 0;
  if (typeof value === 'number') return Number.isSafeInteger(value) ? BigInt(value) : value;
  if (typeof value === 'object' && value !== null) return textOf(value);
  return value;
}

/** A number, or the text of one. */
export function numberOf(value: Json): number | undefined {
  if (typeof value === 'number' || typeof value === 'bigint') return Number(value);
  if (typeof value !== 'string' || !/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(value.trim())) return undefined;
  const number = Number(value);
  return Number.isFinite(number) ? number : undefined;
}

/** The numbers of 32 bits in a cell; none if there is no vector in it. */
export function vectorOf(cell: Cell): number[] | undefined {
  if (cell instanceof Uint8Array) return Array.from(floatsOf(cell));
  if (typeof cell !== 'string') return undefined;
  try {
    const numbers: unknown = JSON.parse(cell);
    const isVector = Array.isArray(numbers) && numbers.every((number) => typeof number === 'number');
    return isVector ? numbers.map(Math.fround) : undefined;
  } catch {
    return undefined;
  }
}

/** Refuses a vector that is longer than its column. */
export function fits(column: string, length: number, width: number | undefined): void {
  if (width === undefined || length <= width) return;
  const message = `column ${JSON.stringify(column)} holds vectors of ${width} numbers, found ${length}`;
  throw new DbFailure(code.badVector, message);
}

function isWhole(cell: number | bigint): boolean {
  return typeof cell === 'bigint' || Number.isInteger(cell);
}

function integer(value: Json): bigint | undefined {
  let found: bigint;
  if (typeof value === 'boolean') found = value ? 1n : 0n;
  else if (typeof value === 'bigint') found = value;
  else if (typeof value === 'number' && Number.isInteger(value)) found = BigInt(value);
  else if (typeof value === 'string' && /^[+-]?\d+$/.test(value.trim())) found = BigInt(value.trim().replace('+', ''));
  else return undefined;
  return found >= LEAST && found <= GREATEST ? found : undefined;
}

function boolean(value: Json): number | undefined {
  if (value === true || value === 'true' || value === 1 || value === 1n) return 1;
  return value === false || value === 'false' || value === 0 || value === 0n ? 0 : undefined;
}

function bytes(text: string): Uint8Array | undefined {
  // the decoder of Node passes over what is none
  return /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(text)
    ? Buffer.from(text, 'base64')
    : undefined;
}

function vector(column: string, value: Json, width: number | undefined): Uint8Array | undefined {
  let numbers: unknown = value;
  if (typeof value === 'string') {
    try {
      numbers = JSON.parse(value);
    } catch {
      return undefined;
    }
  }
  const isNumber = (part: unknown) => typeof part === 'number' || typeof part === 'bigint';
  if (!Array.isArray(numbers) || !numbers.every(isNumber)) return undefined;
  fits(column, numbers.length, width);
  const stored = new Float32Array(width ?? numbers.length);
  stored.set(numbers.map(Number));
  return new Uint8Array(stored.buffer);
}

function floatsOf(cell: Uint8Array): Float32Array {
  const length = cell.byteLength - (cell.byteLength % 4);
  // a copy, since bytes may begin at any place
  return new Float32Array(cell.slice(0, length).buffer);
}

/** By the shortest text that means the same 32 bits: the 0.1 that was written comes back as 0.1. */
function shortest(number: number): number {
  for (let digits = 1; digits <= 9; digits += 1) {
    const rounded = Number(number.toPrecision(digits));
    if (Math.fround(rounded) === number) return rounded;
  }
  return number;
}

function hasNul(document: Json): boolean {
  if (typeof document === 'string') return document.includes('\0');
  if (typeof document !== 'object' || document === null) return false;
  const within = Object.entries(document);
  return within.some(([name, value]) => name.includes('\0') || hasNul(value));
}
