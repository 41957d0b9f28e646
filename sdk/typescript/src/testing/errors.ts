// What storage rejects with.

/**
 * Why a call of the storage was refused. `invalid`: it makes no sense; `conflict`: what is there is in the way;
 * `full`: there is no room; `unavailable`: the storage is down.
 */
export type StorageErrorKind = 'invalid' | 'conflict' | 'full' | 'unavailable';

/** A refusal of `kv` or `blob`. */
export class StorageError extends Error {
  override readonly name = 'StorageError';
  readonly kind: StorageErrorKind;

  constructor(kind: StorageErrorKind, message: string) {
    super(message);
    this.kind = kind;
  }
}
