// One request through modules, as the gateway would run it, with an answer that the test gives.
//
// The order, the isolation of what throws, short-circuits and the hooks behind them are the gateway's. Time budgets and
// memory caps are not here, nor is any network.

import type {
  ApiKeyInfo,
  CanonicalChunk,
  CanonicalRequest,
  CanonicalResponse,
  Module,
  RequestContext,
  ResponseContext,
  StorageAdapter,
} from '../index.js';
import { errorResponse, textResponse } from '../index.js';
import { testApiKey, testLogger, testRequest, type LogLine } from './context.js';
import { memoryStorage } from './storage.js';
import { chunksOf, Fold } from './stream.js';

/** What a request meets. */
export interface RunOptions {
  /** What is asked; see {@link testRequest} for the rest of it. */
  request?: Partial<CanonicalRequest>;
  /** What the provider answers, or what it does; a short text if it is left out. */
  provider?: CanonicalResponse | ((request: CanonicalRequest) => CanonicalResponse | Promise<CanonicalResponse>);
  apiKey?: Partial<Omit<ApiKeyInfo, 'keyId'>>;
  metadata?: Iterable<readonly [string, unknown]>;
  /** Empty storage in memory if it is left out. `init` runs once for a module and a storage. */
  storage?: StorageAdapter;
  /** Milliseconds since 1970. */
  now?: () => number;
}

/** An error that the client sees. */
export interface ClientError {
  type: string;
  message: string;
  status: number;
  [field: string]: unknown;
}

/** What came of it. */
export interface RunResult {
  /** The answer, after `stream` hooks. */
  response: CanonicalResponse;
  /** The error that it becomes for the client, if it is one. */
  error: ClientError | undefined;
  /** The request as the provider was asked, or as it was left. */
  request: CanonicalRequest;
  /** The pieces that the client gets; none unless the request is streamed. */
  chunks: CanonicalChunk[];
  metadata: Map<string, unknown>;
  /** Which module answered; none if the provider did. */
  answeredBy: string | undefined;
  /** What hooks threw. */
  failures: Failure[];
  logs: LogLine[];
  storage: StorageAdapter;
}

/** A hook that threw. */
export interface Failure {
  module: string;
  hook: 'init' | 'pre' | 'stream' | 'post';
  error: unknown;
}

/** Which modules have run their `init` on a storage. */
const initialised = new WeakMap<StorageAdapter, WeakSet<Module>>();

/** Runs a request through one module, or through several in their order. */
export async function run(modules: Module | readonly Module[], options: RunOptions = {}): Promise<RunResult> {
  return new Run([modules].flat(), options).result();
}

class Run {
  readonly #options: RunOptions;
  readonly #logger = testLogger();
  readonly #failures: Failure[] = [];
  readonly #now: () => number;
  readonly #context: RequestContext;
  #modules: readonly Module[];
  #answeredBy: string | undefined;

  constructor(modules: readonly Module[], options: RunOptions) {
    this.#modules = modules;
    this.#options = options;
    this.#now = options.now ?? Date.now;
    this.#context = {
      request: structuredClone(testRequest(options.request)),
      metadata: new Map(options.metadata),
      storage: options.storage ?? memoryStorage({ now: this.#now, logger: this.#logger }),
      apiKey: testApiKey(options.apiKey),
      logger: this.#logger,
      startTime: this.#now(),
    };
  }

  async result(): Promise<RunResult> {
    const refused = await this.#init();
    const answer = refused ?? (await this.#pre()) ?? (await this.#ask());
    const { response, chunks } = await this.#stream(answer);
    await this.#post(response);
    const { request, metadata, storage } = this.#context;
    const [answeredBy, failures] = [this.#answeredBy, this.#failures];
    const logs = this.#logger.lines;
    return { response, error: errorOf(response), request, chunks, metadata, answeredBy, failures, logs, storage };
  }

  async #init(): Promise<CanonicalResponse | undefined> {
    const { storage } = this.#context;
    const done = initialised.get(storage) ?? new WeakSet();
    initialised.set(storage, done);
    const unloaded = new Set<Module>();
    for (const module of this.#modules) {
      if (done.has(module)) continue;
      try {
        await module.init?.(storage);
        done.add(module);
      } catch (error) {
        this.#failed(module, 'init', error);
        if (module.onFailure === 'closed') return this.#unavailable(module);
        unloaded.add(module);
      }
    }
    this.#modules = this.#modules.filter((module) => !unloaded.has(module));
    return undefined;
  }

  async #pre(): Promise<CanonicalResponse | undefined> {
    const context = this.#context;
    for (const module of this.#modules) {
      const before = structuredClone(context.request);
      try {
        const decided = (await module.pre?.(context)) ?? { continue: true };
        if (decided.continue) continue;
        this.#answeredBy = module.name;
        return decided.response;
      } catch (error) {
        // what it edited before it threw is undone
        context.request = before;
        this.#failed(module, 'pre', error);
        context.metadata.set(`${module.name}.preFailed`, true);
        if (module.onFailure === 'closed') return this.#unavailable(module);
      }
    }
    return undefined;
  }

  async #ask(): Promise<CanonicalResponse> {
    const { provider } = this.#options;
    const { request } = this.#context;
    if (typeof provider === 'function') return provider(request);
    const usage = { inputTokens: 10, outputTokens: 5 };
    return structuredClone(provider) ?? textResponse('Hello!', { id: 'test', model: request.model, usage });
  }

  async #stream(answer: CanonicalResponse): Promise<{ response: CanonicalResponse; chunks: CanonicalChunk[] }> {
    if (!this.#context.request.stream || answer.stopReason === 'error') return { response: answer, chunks: [] };
    const [fold, chunks] = [new Fold(), [] as CanonicalChunk[]];
    for (let chunk of chunksOf(answer)) {
      const context = this.#answered(fold.response);
      for (const module of this.#modules) {
        try {
          chunk = (await module.stream?.(structuredClone(chunk), context)) ?? chunk;
        } catch (error) {
          this.#failed(module, 'stream', error);
        }
      }
      fold.push(chunk);
      chunks.push(chunk);
    }
    return { response: fold.response, chunks };
  }

  async #post(response: CanonicalResponse): Promise<void> {
    const context = this.#answered(response);
    for (const module of this.#modules) {
      try {
        await module.post?.(context);
      } catch (error) {
        this.#failed(module, 'post', error);
      }
    }
  }

  #answered(response: CanonicalResponse): ResponseContext {
    return { ...this.#context, response, durationMs: this.#now() - this.#context.startTime };
  }

  #failed(module: Module, hook: Failure['hook'], error: unknown): void {
    this.#failures.push({ module: module.name, hook, error });
    this.#logger.warn({ error, module: module.name, hook }, 'a hook failed');
  }

  #unavailable(module: Module): CanonicalResponse {
    this.#answeredBy = module.name;
    return errorResponse('module_unavailable', `module "${module.name}" is not available`, { status: 503 });
  }
}

/** The error that an answer is for the client. */
function errorOf({ stopReason, content }: CanonicalResponse): ClientError | undefined {
  const [block, ...more] = content;
  if (stopReason !== 'error' || block?.type !== 'text' || more.length > 0) return undefined;
  const fallback = { type: 'module_error', message: block.text, status: 400 };
  try {
    const { error } = JSON.parse(block.text);
    return typeof error === 'object' && error !== null ? { ...fallback, ...error } : fallback;
  } catch {
    return fallback;
  }
}
