// What hooks are given in a test.

import type { ApiKeyInfo, CanonicalRequest, Logger } from '../index.js';

/** A request to test with: what is not said is a short question, not streamed. */
export function testRequest(request: Partial<CanonicalRequest> = {}): CanonicalRequest {
  return {
    model: 'test/model',
    messages: [{ role: 'user', content: 'Hello' }],
    maxTokens: 100,
    stream: false,
    ...request,
  };
}

/** Who asks: what is not said is that of a call without a key. */
export function testApiKey(key: Partial<Omit<ApiKeyInfo, 'keyId'>> = {}): ApiKeyInfo {
  const id = key.id ?? 'local';
  return { userId: 'local-user', tier: 'local', revoked: false, ...key, id, keyId: id };
}

/** A line of a log. */
export interface LogLine {
  level: keyof Logger;
  message: string;
  /** The fields of `(object, message)`. */
  fields: object;
  /** The arguments behind a message. */
  rest: unknown[];
}

/** A logger that keeps what it is told, for a test to look at. */
export function testLogger(): Logger & { lines: LogLine[] } {
  const lines: LogLine[] = [];
  const method = (level: keyof Logger) => (first: string | object, ...rest: unknown[]) => {
    if (typeof first === 'string') lines.push({ level, message: first, fields: {}, rest });
    else lines.push({ level, message: typeof rest[0] === 'string' ? rest[0] : '', fields: first, rest: rest.slice(1) });
  };
  return { lines, debug: method('debug'), info: method('info'), warn: method('warn'), error: method('error') };
}
