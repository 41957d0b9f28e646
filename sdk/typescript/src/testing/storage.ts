// Storage for tests: all of it in memory, with a clock that can be moved and an outage that can be brought about.

import type { HealthStatus, Logger, StorageAdapter } from '../index.js';
import { MemoryBlob } from './blob.js';
import { MemoryDatabase } from './db/database.js';
import type { ParseJson } from './db/json.js';
import { MemoryKv } from './kv.js';
import { Outage, PARTS, type Part } from './outage.js';

/** How a {@link MemoryStorage} is made. */
export interface MemoryStorageOptions {
  /** Milliseconds since 1970, for lifetimes and ids. SQL's `CURRENT_TIMESTAMP` is always the machine's. */
  now?: () => number;
  /** Told of what the storage swallows; the console if it is left out. */
  logger?: Pick<Logger, 'warn'>;
  kind?: StorageAdapter['kind'];
  /** The room of `kv`, in bytes; none is counted if it is left out. */
  maxKvBytes?: number;
  /** How JSON in tables is read; `JSON.parse`, which is not exact past 2^53, if it is left out. */
  parseJson?: ParseJson;
}

/** A {@link StorageAdapter} that is gone with the test. */
export class MemoryStorage implements StorageAdapter {
  readonly kind: StorageAdapter['kind'];
  readonly kv: MemoryKv;
  readonly db: MemoryDatabase;
  readonly blob: MemoryBlob;
  readonly #outage: Outage;

  constructor({ now = Date.now, logger = console, kind = 'local', maxKvBytes, parseJson }: MemoryStorageOptions = {}) {
    this.kind = kind;
    this.#outage = new Outage(now);
    const outage = this.#outage;
    this.kv = new MemoryKv({ now, logger, outage, ...(maxKvBytes !== undefined && { maxBytes: maxKvBytes }) });
    this.db = new MemoryDatabase({ now, outage, ...(parseJson && { parseJson }) });
    this.blob = new MemoryBlob(outage);
  }

  /** Takes parts down, all of them if none is named: they answer as in the gateway while their backend is away. */
  goDown(parts: Part | readonly Part[] = PARTS, why = 'a test took it down'): void {
    this.#outage.begin([parts].flat(), why);
  }

  /** Brings parts back, with what was in them. */
  comeBack(parts: Part | readonly Part[] = PARTS): void {
    this.#outage.end([parts].flat());
  }

  async health(): Promise<HealthStatus> {
    const states = PARTS.map((part) => [part, this.#outage.of(part)] as const);
    const details = states.map(([part, down]) => [part, down ? { ok: false, ...down } : { ok: true }]);
    return { ok: states.every(([, down]) => !down), details: Object.fromEntries(details) };
  }

  /** Gives back the memory of `db`. */
  async close(): Promise<void> {
    await this.db.close();
  }
}

/** Storage in memory, empty. */
export function memoryStorage(options?: MemoryStorageOptions): MemoryStorage {
  return new MemoryStorage(options);
}
