// JSON as values of a module become it: what `JSON.stringify` would keep, and whole numbers of any length.

/** A value that JSON has. */
export type Json = null | boolean | number | bigint | string | Json[] | { [name: string]: Json };

/** How texts of JSON become values. `JSON.parse` is not exact past 2^53. */
export type ParseJson = (text: string) => Json;

/** What of `value` JSON has: dates are their texts, bytes base64, undefined fields are left out. */
export function toJson(value: unknown): Json {
  switch (typeof value) {
    case 'boolean':
    case 'string':
    case 'bigint':
      return value;
    case 'number':
      return Number.isFinite(value) ? value : null;
    case 'object':
      return value === null ? null : ofObject(value);
    default:
      return null;
  }
}

function ofObject(value: object): Json {
  if (value instanceof Date) return value.toISOString();
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64');
  if (Array.isArray(value)) return value.map(toJson);
  if (ArrayBuffer.isView(value)) return Array.from(value as unknown as ArrayLike<number>, toJson);
  if ('toJSON' in value && typeof value.toJSON === 'function') return toJson(value.toJSON());
  const fields = Object.entries(value).filter(([, field]) => field !== undefined);
  return Object.fromEntries(fields.map(([name, field]) => [name, toJson(field)]));
}

/** The text of it. */
export function textOf(value: Json): string {
  if (typeof value === 'bigint') return value.toString();
  if (Array.isArray(value)) return `[${value.map(textOf).join(',')}]`;
  if (typeof value === 'object' && value !== null) {
    const fields = Object.entries(value).map(([name, field]) => `${JSON.stringify(name)}:${textOf(field)}`);
    return `{${fields.join(',')}}`;
  }
  return JSON.stringify(value);
}

/** What it looks like, without what it is. */
export function shapeOf(value: Json): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'an array';
  switch (typeof value) {
    case 'boolean':
      return 'true or false';
    case 'string':
      return 'another text';
    case 'object':
      return 'an object';
    default:
      return 'another number';
  }
}
