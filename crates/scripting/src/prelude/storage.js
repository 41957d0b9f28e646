// The storage adapter. What each call does is the host's to say; here is only its shape.

import { ask, host } from 'penstock:host';
import { Buffer, bytesOf } from 'penstock:buffer';

const kindOf = (value) => (value === null ? 'null' : Array.isArray(value) ? 'an array' : `${typeof value}`);

function text(operation, what, value) {
  if (typeof value === 'string') return value;
  throw new TypeError(`${operation}: expected a text as ${what}, found ${kindOf(value)}`);
}

/** A value to keep: a number becomes its text. */
function kept(operation, value) {
  if (['number', 'boolean', 'bigint'].includes(typeof value)) return String(value);
  if (typeof value === 'string') return value;
  throw new TypeError(`${operation}: expected a text as value, found ${kindOf(value)}: JSON.stringify makes one of it`);
}

const seconds = (value) => (value === undefined || value === null ? null : Number(value));

class KvStore {
  #own;
  constructor(own) {
    this.#own = own;
  }
  async get(key) {
    return ask('kv.get', this.#own, text('kv.get', 'key', key));
  }
  async set(key, value, ttlSeconds, options) {
    const isVolatile = options?.volatile === true;
    await ask('kv.set', this.#own, text('kv.set', 'key', key), kept('kv.set', value), seconds(ttlSeconds), isVolatile);
  }
  async setNx(key, value, ttlSeconds) {
    return ask('kv.setNx', this.#own, text('kv.setNx', 'key', key), kept('kv.setNx', value), seconds(ttlSeconds));
  }
  async del(key) {
    await ask('kv.del', this.#own, text('kv.del', 'key', key));
  }
  async ttl(key) {
    return ask('kv.ttl', this.#own, text('kv.ttl', 'key', key));
  }
  async incr(key, by = 1, ttlSeconds) {
    return ask('kv.incr', this.#own, text('kv.incr', 'key', key), Number(by), seconds(ttlSeconds));
  }
  async cas(key, expected, value, ttlSeconds) {
    const before = expected === null || expected === undefined ? null : kept('kv.cas', expected);
    return ask('kv.cas', this.#own, text('kv.cas', 'key', key), before, kept('kv.cas', value), seconds(ttlSeconds));
  }
}

/** JSON of what is written and compared: bytes become base64, great numbers their text. */
function json(value) {
  return JSON.stringify(value, function (key, found) {
    const own = this[key];
    if (own instanceof Uint8Array) return Buffer.from(own.buffer, own.byteOffset, own.byteLength).toString('base64');
    return typeof found === 'bigint' ? String(found) : found;
  });
}

const STEPS = [
  'select', 'insert', 'upsert', 'update', 'delete', 'eq', 'neq', 'gt', 'gte', 'lt', 'lte', 'like', 'ilike', 'is', 'in',
  'contains', 'or', 'not', 'match', 'filter', 'order', 'limit', 'range', 'single', 'maybeSingle',
];

/** A chain: it notes what is called, and runs once it is awaited. It never throws. */
class Chain {
  #own;
  #table;
  #options;
  #steps = [];
  #outcome;
  constructor(own, table, options) {
    this.#own = own;
    this.#table = table;
    this.#options = options;
  }
  static {
    for (const step of STEPS) {
      Chain.prototype[step] = function (...rest) {
        this.#steps.push([step, ...rest]);
        return this;
      };
    }
  }
  #described(more) {
    return json({ table: this.#table, exact: this.#options?.exact !== false, steps: this.#steps, ...more });
  }
  async #run() {
    try {
      return JSON.parse(await ask('db.run', this.#own, this.#described()));
    } catch (error) {
      const said = { message: String(error?.message ?? error), details: null, hint: null, code: error?.code ?? 'PS002' };
      return { data: null, error: said, count: null, status: 400, statusText: 'Bad Request' };
    }
  }
  then(resolve, reject) {
    this.#outcome ??= this.#run();
    return this.#outcome.then(resolve, reject);
  }
  catch(reject) {
    return this.then(undefined, reject);
  }
  finally(action) {
    return this.then().finally(action);
  }
  async vectorSearch(column, embedding, options = {}) {
    const nearest = { column, embedding: Array.from(embedding ?? []), ...options };
    return JSON.parse(await ask('db.vectorSearch', this.#own, this.#described({ nearest })));
  }
}

class Database {
  #own;
  constructor(own) {
    this.#own = own;
  }
  from(table, options) {
    return new Chain(this.#own, table, options);
  }
  async raw(sql, params = []) {
    return JSON.parse(await ask('db.raw', this.#own, text('db.raw', 'SQL', sql), json(params ?? [])));
  }
}

class BlobStore {
  #own;
  constructor(own) {
    this.#own = own;
  }
  async put(key, content) {
    const bytes = typeof content === 'string' ? content : bytesOf(content);
    if (bytes === undefined) {
      throw new TypeError(`blob.put: expected a Buffer or a text as content, found ${kindOf(content)}`);
    }
    await ask('blob.put', this.#own, text('blob.put', 'key', key), bytes);
  }
  async get(key) {
    const found = await ask('blob.get', this.#own, text('blob.get', 'key', key));
    return found === null ? null : Buffer.from(found.buffer);
  }
  async delete(key) {
    await ask('blob.delete', this.#own, text('blob.delete', 'key', key));
  }
  async list(prefix = '') {
    return JSON.parse(await ask('blob.list', this.#own, text('blob.list', 'prefix', prefix)));
  }
}

class StorageAdapter {
  #own;
  constructor(own) {
    this.#own = own;
    this.kind = host('storage.kind', own);
    this.kv = new KvStore(own);
    this.db = new Database(own);
    this.blob = new BlobStore(own);
  }
  async health() {
    return JSON.parse(await ask('storage.health', this.#own));
  }
}

const adapters = new Map();

/** The adapter that the host calls by this number. */
export function storageOf(own) {
  let adapter = adapters.get(own);
  if (adapter === undefined) adapters.set(own, (adapter = new StorageAdapter(own)));
  return adapter;
}
