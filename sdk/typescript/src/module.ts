// What a module is, and what its hooks are given.

import type { CanonicalChunk, CanonicalRequest, CanonicalResponse } from './canonical.js';
import type { StorageAdapter } from './storage.js';

/**
 * A named unit around the provider call. Name and version are all that it must have.
 *
 * One instance serves every request of its configuration, many at a time: what it keeps for one request belongs into
 * `ctx.metadata`, what it keeps for longer into `ctx.storage`.
 */
export interface Module {
  /** What the pipeline calls it. */
  name: string;
  /** Semver. */
  version: string;
  /**
   * What becomes of a request when `pre` throws, or `init` does: `open`, the default, goes on without the module;
   * `closed` refuses the request with 503. Policies that nobody may slip past are `closed`.
   */
  onFailure?: 'open' | 'closed';
  /** How many engines run it, for one that needs more throughput than a single one has. */
  workers?: number;
  /** Runs once in a process, before it listens. A migration that fails has to throw here. */
  init?(storage: StorageAdapter): Promise<void>;
  /** Before the provider is asked: may edit `ctx.request`, or answer it. */
  pre?(ctx: RequestContext): Promise<PreResult>;
  /** For each piece of a streamed answer; gives the piece that goes on. */
  stream?(chunk: CanonicalChunk, ctx: ResponseContext): Promise<CanonicalChunk>;
  /** After the answer, whoever gave it and however it ended. It delays nobody. */
  post?(ctx: ResponseContext): Promise<void>;
}

/** Makes a module from its configuration; called once for each distinct configuration in a process. */
export type ModuleFactory<Config = Record<string, unknown>> = (config: Config) => Module;

/** What `pre` decides: on with the next module, or this answer. */
export type PreResult = { continue: true } | { continue: false; response: CanonicalResponse };

/** What `pre` is given. */
export interface RequestContext {
  /** The request; edits hold for everything behind. */
  request: CanonicalRequest;
  /** What modules tell each other about this request. It is shown in its trace. */
  metadata: Map<string, unknown>;
  storage: StorageAdapter;
  apiKey: ApiKeyInfo;
  logger: Logger;
  /** When the request arrived, in milliseconds since 1970. */
  startTime: number;
}

/** What `stream` and `post` are given. */
export interface ResponseContext extends RequestContext {
  /** The answer: as far as it has come in `stream`, all there is of it in `post`. */
  response: CanonicalResponse;
  /** Since the request arrived, in milliseconds. */
  durationMs: number;
}

/** Who asks. Ids are strings. */
export interface ApiKeyInfo {
  /** The key; `local` for a call without one, `byok:…` for a caller with a provider's key of their own. */
  id: string;
  /** The same as `id`. */
  readonly keyId: string;
  /** The key's user; `local-user` for a call without a key. */
  userId: string;
  /** `local`, unless the key's record says otherwise. */
  tier: string;
  /** The key's own pipeline. */
  pipelineConfig?: string;
  revoked: boolean;
  /** The caller's own key of a provider. */
  providerKey?: string;
}

/** Writes to the gateway's log: `(message, ...args)`, or `(object, message)`. */
export interface Logger {
  debug: LogMethod;
  info: LogMethod;
  warn: LogMethod;
  error: LogMethod;
}

/** One level of a {@link Logger}. */
export interface LogMethod {
  (message: string, ...args: unknown[]): void;
  (fields: object, message?: string): void;
}
