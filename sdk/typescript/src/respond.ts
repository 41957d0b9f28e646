// Answers that a module gives instead of a provider.

import type { CanonicalResponse, CanonicalUsage, StopReason } from './canonical.js';

/** What goes beside the text of {@link textResponse}. */
export interface TextResponseOptions {
  id?: string;
  /** Whose answer it pretends to be: pass `ctx.request.model`. */
  model?: string;
  stopReason?: StopReason;
  usage?: CanonicalUsage;
}

/** An answer of one text. No provider was asked, so that it used nothing unless `usage` says otherwise. */
export function textResponse(text: string, options: TextResponseOptions = {}): CanonicalResponse {
  return {
    id: options.id ?? '',
    model: options.model ?? '',
    role: 'assistant',
    content: [{ type: 'text', text }],
    stopReason: options.stopReason ?? 'end_turn',
    usage: options.usage ?? { inputTokens: 0, outputTokens: 0 },
  };
}

/** What goes beside the message of {@link errorResponse}: further fields, such as `resets_at`, go along as they are. */
export interface ErrorResponseOptions {
  /** The HTTP status, 400 to 599; 400 where it is left out. */
  status?: number;
  [field: string]: unknown;
}

/**
 * An answer that becomes an HTTP error of that status, in the shape of the client's dialect: a stop reason of `error`
 * and a single text block of `{"error":{type,message,status,…}}`.
 */
export function errorResponse(type: string, message: string, options: ErrorResponseOptions = {}): CanonicalResponse {
  const { status, ...more } = options;
  if (status !== undefined && !(Number.isInteger(status) && status >= 400 && status <= 599)) {
    throw new RangeError(`errorResponse: status: expected a whole number from 400 to 599, found ${status}`);
  }
  const error = { ...more, type, message, ...(status === undefined ? {} : { status }) };
  return textResponse(JSON.stringify({ error }), { stopReason: 'error' });
}
