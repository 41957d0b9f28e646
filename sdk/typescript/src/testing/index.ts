// `@penstock/module-sdk/testing`: what a module is tested with, in Node.

export { memoryStorage, MemoryStorage } from './storage.js';
export type { MemoryStorageOptions } from './storage.js';
export { run } from './run.js';
export type { ClientError, Failure, RunOptions, RunResult } from './run.js';
export { testApiKey, testLogger, testRequest } from './context.js';
export type { LogLine } from './context.js';
export { chunksOf, Fold } from './stream.js';
export { readMigrations } from './migrations.js';
export { StorageError } from './errors.js';
export type { StorageErrorKind } from './errors.js';
export { DbFailure } from './db/error.js';
export type { Part } from './outage.js';
export type { Migrated, Migration } from './db/migrate.js';
