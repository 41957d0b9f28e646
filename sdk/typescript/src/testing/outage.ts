// An outage that a test brings about: each part answers as it does in the gateway while its backend is down.

import { StorageError } from './errors.js';

/** A part of the storage. */
export type Part = 'kv' | 'db' | 'blob';

/** All parts. */
export const PARTS: readonly Part[] = ['kv', 'db', 'blob'];

/** What is down, since when and why. */
export class Outage {
  readonly #down = new Map<Part, { since: number; why: string }>();
  readonly #now: () => number;

  constructor(now: () => number) {
    this.#now = now;
  }

  begin(parts: readonly Part[], why: string): void {
    for (const part of parts) if (!this.#down.has(part)) this.#down.set(part, { since: this.#now(), why });
  }

  end(parts: readonly Part[]): void {
    for (const part of parts) this.#down.delete(part);
  }

  of(part: Part): { since: number; why: string } | undefined {
    return this.#down.get(part);
  }

  /** Throws where only the caller can decide what an outage means. */
  refuse(part: Part, operation: string): void {
    const down = this.#down.get(part);
    if (down) throw new StorageError('unavailable', `${operation}: the storage is down: ${down.why}`);
  }
}
