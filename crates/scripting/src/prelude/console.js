// What modules say: `console`, and the logger of a call.

import { host } from 'penstock:host';

const SHOWN_DEPTH = 6;

/** A value as a reader of the log wants it. */
export function shown(value, depth = 0, around = []) {
  switch (typeof value) {
    case 'string':
      return depth === 0 ? value : JSON.stringify(value);
    case 'bigint':
      return `${value}n`;
    case 'function':
      return `[function ${value.name || 'anonymous'}]`;
    case 'object':
      break;
    default:
      return String(value);
  }
  if (value === null) return 'null';
  if (value instanceof Error) return errorText(value);
  if (around.includes(value)) return '[circular]';
  if (depth >= SHOWN_DEPTH) return Array.isArray(value) ? '[…]' : '{…}';
  const inner = (part) => shown(part, depth + 1, [...around, value]);
  if (Array.isArray(value)) return `[${value.map(inner).join(', ')}]`;
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? 'Invalid Date' : value.toISOString();
  if (value instanceof RegExp) return String(value);
  if (ArrayBuffer.isView(value)) return `[${value.constructor.name} of ${value.byteLength} bytes]`;
  if (value instanceof Map) return `Map {${[...value].map(([key, part]) => `${inner(key)} => ${inner(part)}`).join(', ')}}`;
  if (value instanceof Set) return `Set {${[...value].map(inner).join(', ')}}`;
  return `{${Object.entries(value).map(([key, part]) => ` ${key}: ${inner(part)}`).join(',')} }`;
}

function errorText(error) {
  const cause = error.cause === undefined ? '' : `: ${shown(error.cause, 1)}`;
  // the host turns a place in what runs into one in the source
  const place = /\(?([^\s(]+:\d+:\d+)\)?/.exec(String(error.stack ?? ''))?.[1];
  return `${error.name}: ${error.message}${cause}${place ? ` (at ${host('place', String(error.stack)) ?? place})` : ''}`;
}

/** The texts of a call of `console.log`, as one: `%s` and its like take the next value. */
function joined(first, rest) {
  const parts = [...rest];
  let text = shown(first);
  if (typeof first === 'string') {
    text = first.replace(/%[sdifjoOc%]/g, (sign) => {
      if (sign === '%%') return '%';
      if (parts.length === 0) return sign;
      const part = parts.shift();
      if (sign === '%d' || sign === '%i' || sign === '%f') return String(sign === '%i' ? Math.trunc(part) : Number(part));
      if (sign === '%c') return '';
      return sign === '%j' ? (JSON.stringify(part) ?? 'undefined') : shown(part, sign === '%s' ? 0 : 1);
    });
  }
  return [text, ...parts.map((part) => shown(part))].join(' ');
}

function write(call, level, first, rest) {
  try {
    // `({ count: 3 }, 'stored')`, or `(error, 'not stored')`
    const isFields = typeof first === 'object' && first !== null && typeof rest[0] === 'string';
    if (!isFields) return host('log', call, level, joined(first, rest));
    const fields = first instanceof Error ? errorText(first) : shown(first);
    host('log', call, level, joined(rest[0], rest.slice(1)), fields);
  } catch {
    // what cannot be shown is no reason to fail
    host('log', call, level, '(a message that cannot be shown)');
  }
}

/** `ctx.logger`. */
export class Logger {
  constructor(call) {
    for (const level of ['debug', 'info', 'warn', 'error']) {
      this[level] = (first, ...rest) => write(call, level, first, rest);
    }
  }
}

const counts = new Map();
const timers = new Map();
const at = (level) => (first = '', ...rest) => write(0, level, first, rest);

export const console = {
  debug: at('debug'),
  trace: at('debug'),
  log: at('info'),
  info: at('info'),
  dir: at('info'),
  table: at('info'),
  group: at('info'),
  groupEnd() {},
  warn: at('warn'),
  error: at('error'),
  assert(holds, ...rest) {
    if (!holds) write(0, 'error', 'assertion failed:', rest);
  },
  count(label = 'default') {
    counts.set(label, (counts.get(label) ?? 0) + 1);
    write(0, 'info', `${label}: ${counts.get(label)}`, []);
  },
  time(label = 'default') {
    timers.set(label, host('now'));
  },
  timeEnd(label = 'default') {
    if (timers.has(label)) write(0, 'info', `${label}: ${(host('now') - timers.get(label)).toFixed(3)} ms`, []);
    timers.delete(label);
  },
};
