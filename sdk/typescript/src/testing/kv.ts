// Keys and values in memory, with a clock that a test can move.
//
// Each operation is done before its promise is made: nothing comes in between, as with the gateway's own stores.

import type { KvStore, Logger } from '../index.js';
import { StorageError } from './errors.js';
import type { Outage } from './outage.js';

/** How a {@link MemoryKv} is made. */
export interface MemoryKvOptions {
  /** Milliseconds since 1970. */
  now: () => number;
  /** Told of what `set` swallows. */
  logger: Pick<Logger, 'warn'>;
  outage: Outage;
  /** A write that needs more is refused, once everything `volatile` is gone. */
  maxBytes?: number;
}

interface Entry {
  value: string;
  /** In milliseconds since 1970. */
  ends: number | undefined;
  volatile: boolean;
}

/** The longest key, in bytes. */
const KEY_LIMIT = 1_024;
/** What an entry costs beside its key and value. */
const OVERHEAD = 160;
/** Each value counts as that long at least, so that a counter never needs room to grow. */
const LONGEST_NUMBER = 20;
/** A longer lifetime, in seconds, is as good as none. */
const LONGEST_LIFETIME = 1e12;
const [LEAST, GREATEST] = [-(2n ** 63n), 2n ** 63n - 1n];
/** A number as `incr` writes it. */
const WHOLE_NUMBER = /^(0|-?[1-9][0-9]{0,18})$/;

/** A {@link KvStore} that is gone with the test. */
export class MemoryKv implements KvStore {
  // in the order in which they were written: the oldest comes first
  readonly #entries = new Map<string, Entry>();
  readonly #options: MemoryKvOptions;
  #keptBytes = 0;
  #volatileBytes = 0;

  constructor(options: MemoryKvOptions) {
    this.#options = options;
  }

  async get(key: string): Promise<string | null> {
    check(key);
    return this.#isDown() ? null : (this.#find(key)?.value ?? null);
  }

  async set(
    key: string,
    value: string | number,
    ttlSeconds?: number,
    { volatile = false }: { volatile?: boolean } = {},
  ): Promise<void> {
    check(key);
    if (this.#isDown()) return;
    try {
      this.#put(key, String(value), ttlSeconds, volatile);
    } catch (error) {
      this.#options.logger.warn({ error, key }, 'kv.set: nothing was written');
    }
  }

  async setNx(key: string, value: string | number, ttlSeconds: number): Promise<boolean> {
    check(key);
    if (this.#isDown() || this.#find(key)) return false;
    try {
      this.#put(key, String(value), ttlSeconds, false);
      return true;
    } catch (error) {
      this.#options.logger.warn({ error, key }, 'kv.setNx: nothing was written');
      return false;
    }
  }

  async del(key: string): Promise<void> {
    check(key);
    if (!this.#isDown()) this.#remove(key);
  }

  async ttl(key: string): Promise<number> {
    check(key);
    const entry = this.#isDown() ? undefined : this.#find(key);
    if (!entry) return -2;
    return entry.ends === undefined ? -1 : Math.ceil((entry.ends - this.#options.now()) / 1_000);
  }

  /** A sum past 2^53 is not exact as a number; `get` has all of its digits. */
  async incr(key: string, by: number | bigint = 1, ttlSeconds?: number): Promise<number> {
    check(key);
    this.#options.outage.refuse('kv', 'kv.incr');
    if (typeof by === 'number' && !Number.isInteger(by)) {
      throw new StorageError('invalid', `kv.incr: by: expected a whole number, found ${by}`);
    }
    const found = this.#find(key);
    if (found && !isNumber(found.value)) {
      throw new StorageError('conflict', 'kv.incr: expected a whole number of 64 bits, found another value');
    }
    const sum = BigInt(found?.value ?? 0) + BigInt(by);
    if (sum < LEAST || sum > GREATEST) {
      throw new StorageError('conflict', 'kv.incr: expected a sum of at most 64 bits, found a greater one');
    }
    if (found) this.#replace(key, { value: String(sum), ends: found.ends, volatile: false });
    else this.#put(key, String(sum), ttlSeconds, false);
    return Number(sum);
  }

  async cas(key: string, expected: string | null, value: string | number, ttlSeconds?: number): Promise<boolean> {
    check(key);
    this.#options.outage.refuse('kv', 'kv.cas');
    if ((this.#find(key)?.value ?? null) !== expected) return false;
    this.#put(key, String(value), ttlSeconds, false);
    return true;
  }

  #isDown(): boolean {
    return this.#options.outage.of('kv') !== undefined;
  }

  #find(key: string): Entry | undefined {
    const entry = this.#entries.get(key);
    if (entry?.ends === undefined || entry.ends > this.#options.now()) return entry;
    this.#remove(key);
    return undefined;
  }

  #put(key: string, value: string, ttlSeconds: number | undefined, volatile: boolean): void {
    const ends = this.#end(ttlSeconds);
    if (ends === 'over') this.#remove(key);
    else this.#replace(key, { value, ends, volatile });
  }

  #end(ttlSeconds: number | undefined): number | 'over' | undefined {
    if (ttlSeconds === undefined || ttlSeconds === null || ttlSeconds === 0) return undefined;
    if (!Number.isFinite(ttlSeconds)) {
      throw new StorageError('invalid', `ttlSeconds: expected a finite number of seconds, found ${ttlSeconds}`);
    }
    if (ttlSeconds < 0) return 'over';
    if (ttlSeconds >= LONGEST_LIFETIME) return undefined;
    return this.#options.now() + Math.max(1, Math.ceil(ttlSeconds * 1_000));
  }

  #replace(key: string, entry: Entry): void {
    const limit = this.#options.maxBytes ?? Infinity;
    const [now, grown] = [this.#options.now(), size(key, entry)];
    if (this.#keptBytes + this.#volatileBytes + grown > limit) this.#sweep(now);
    const before = this.#entries.get(key);
    const kept = before && !before.volatile ? size(key, before) : 0;
    // what does not grow is no matter of room
    if (this.#keptBytes - kept + grown > limit && grown > kept) {
      throw new StorageError('full', `expected room for ${grown} bytes, found a full store of ${limit} bytes`);
    }
    this.#remove(key);
    this.#entries.set(key, entry);
    if (entry.volatile) this.#volatileBytes += grown;
    else this.#keptBytes += grown;
    for (const [oldest, { volatile }] of this.#entries) {
      if (this.#keptBytes + this.#volatileBytes <= limit) break;
      if (volatile) this.#remove(oldest);
    }
  }

  #remove(key: string): void {
    const entry = this.#entries.get(key);
    if (!entry) return;
    this.#entries.delete(key);
    if (entry.volatile) this.#volatileBytes -= size(key, entry);
    else this.#keptBytes -= size(key, entry);
  }

  #sweep(now: number): void {
    for (const [key, { ends }] of this.#entries) if (ends !== undefined && ends <= now) this.#remove(key);
  }
}

function check(key: string): void {
  const length = typeof key === 'string' ? Buffer.byteLength(key) : 0;
  if (length < 1 || length > KEY_LIMIT) {
    throw new StorageError('invalid', `kv: key: expected 1 to ${KEY_LIMIT} bytes of text, found ${length}`);
  }
}

function size(key: string, { value }: Entry): number {
  return OVERHEAD + Buffer.byteLength(key) + Math.max(Buffer.byteLength(value), LONGEST_NUMBER);
}

function isNumber(value: string): boolean {
  return WHOLE_NUMBER.test(value) && BigInt(value) >= LEAST && BigInt(value) <= GREATEST;
}
