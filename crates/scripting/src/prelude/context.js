// What hooks are given.

import { host } from 'penstock:host';
import { requestOf, responseOf } from 'penstock:lazy';
import { Logger } from 'penstock:console';
import { storageOf } from 'penstock:storage';

const { parse, stringify } = JSON;

/** `context` for a hook, and what has to go back when the hook is done. */
export function contextOf(call, storage, startTime, durationMs) {
  let request, replaced, metadata, own, key, logger, response;
  const context = {
    get request() {
      request ??= requestOf(call);
      return replaced ?? request.object;
    },
    set request(value) {
      request ??= requestOf(call);
      replaced = value === request.object ? undefined : value;
    },
    get metadata() {
      if (own === undefined) {
        metadata = host('metadata', call);
        own = new Map(Object.entries(parse(metadata)));
      }
      return own;
    },
    get storage() {
      return storageOf(storage);
    },
    get apiKey() {
      return (key ??= parse(host('key', call)));
    },
    get logger() {
      return (logger ??= new Logger(call));
    },
    startTime,
  };
  if (durationMs !== undefined) {
    Object.defineProperty(context, 'response', {
      enumerable: true,
      configurable: true,
      get: () => (response ??= responseOf(call)),
    });
    context.durationMs = durationMs;
  }
  return {
    context,
    edits() {
      if (request === undefined) return undefined;
      if (replaced === null || (replaced !== undefined && typeof replaced !== 'object')) {
        throw new TypeError(`ctx.request: expected an object, found ${replaced === null ? 'null' : typeof replaced}`);
      }
      return request.changes(replaced ?? request.object);
    },
    notes: () => (own === undefined ? undefined : notes(parse(metadata), own)),
  };
}

/** The entries of the map that are not as they were, as JSON; null for one that is gone. */
function notes(before, map) {
  const changed = [];
  for (const [key, value] of map) {
    const text = asJson(key, value);
    if (!Object.hasOwn(before, key) || stringify(before[key]) !== text) {
      changed.push(`[${stringify(String(key))},${text}]`);
    }
  }
  for (const key of Object.keys(before)) if (!map.has(key)) changed.push(`[${stringify(key)}]`);
  return changed.length > 0 ? `[${changed.join(',')}]` : undefined;
}

function asJson(key, value) {
  let text;
  let why = '';
  if (typeof key !== 'string') throw new TypeError(`ctx.metadata: expected a text as key, found ${typeof key}`);
  try {
    text = stringify(value);
  } catch (error) {
    why = ` (${error.message})`;
  }
  if (text === undefined) {
    throw new TypeError(`ctx.metadata: expected JSON as the value of ${stringify(key)}, found ${typeof value}${why}`);
  }
  return text;
}
