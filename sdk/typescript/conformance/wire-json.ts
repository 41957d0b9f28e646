// JSON whose whole numbers past 2^53 are kept: they become `bigint`, and are written as the numbers they are.

import { textOf, toJson, type Json } from '../src/testing/db/json.js';

/** A whole number that is too long to be exact as a `number`, outside of texts. */
const LONG = /("(?:[^"\\]|\\.)*")|(-?\d{16,})(?![\d.eE])/g;
/** No text that is read begins so. */
const MARK = '\u0000bigint ';

/** Reads it. */
export function readJson(text: string): Json {
  if (!/\d{16}/.test(text)) return JSON.parse(text) as Json;
  const marked = text.replace(LONG, (whole, quoted: string | undefined, digits: string, at: number) => {
    // the digits behind a point are no whole number
    const isWhole = quoted === undefined && !/[\d.eE+]/.test(text.charAt(at - 1));
    return isWhole && !Number.isSafeInteger(Number(digits)) ? JSON.stringify(MARK + digits) : whole;
  });
  const revive = (_: string, value: unknown) =>
    typeof value === 'string' && value.startsWith(MARK) ? BigInt(value.slice(MARK.length)) : value;
  return JSON.parse(marked, revive) as Json;
}

/** Writes it. */
export function writeJson(value: unknown): string {
  return textOf(toJson(value));
}
