// What a request may cost, and what an answer did: by the rules of the built-in cost-guard.
//
// Figures are estimates in US dollars, and floats: good for a decision and for a log, not for a bill. The gateway
// settles with decimals of its own, by its catalogue of prices.

import type { CanonicalRequest, CanonicalUsage } from './canonical.js';

/** Prices of a model, in US dollars for a million tokens. */
export interface ModelPrices {
  input: number;
  output: number;
  /** Reading a prompt cache; the price of input where it is left out. */
  cacheRead?: number;
  /** Writing a prompt cache; the price of input where it is left out. */
  cacheCreation?: number;
}

/** Prices by model name. A name that ends with `*` stands for every model whose name begins so. */
export type PriceTable = Readonly<Record<string, ModelPrices>>;

/** Bytes of text that make a token, on average and across languages. */
const BYTES_PER_TOKEN = 4;
/** Tokens that one image, document or sound is taken for. */
const TOKENS_PER_MEDIA_PART = 1_000;
/** A shorter text is no such thing. */
const MEDIA_LENGTH = 1_024;
/** How much of a text is looked at for a space. */
const LOOK_AT = 256;
const MILLION = 1_000_000;

/**
 * What a request costs at list price, roughly: its input tokens and **half** of `maxTokens`, since most answers end
 * well before that. The rule is that of cost-guard's `cost.estimated`.
 *
 * `prices` are those of the request's model, or a table in which it is looked up. `undefined` where the table does not
 * have the model: an unknown price is not 0.
 */
export function estimateRequestCost(request: CanonicalRequest, prices: ModelPrices): number;
export function estimateRequestCost(request: CanonicalRequest, prices: PriceTable): number | undefined;
export function estimateRequestCost(
  request: CanonicalRequest,
  prices: ModelPrices | PriceTable,
): number | undefined {
  const own = pricesOf(request.model, prices);
  return own && (estimateInputTokens(request) * own.input + ((request.maxTokens ?? 0) / 2) * own.output) / MILLION;
}

/**
 * What an answer cost at list price. `prices` as for {@link estimateRequestCost}; a table needs the `model`.
 * Figures that are absent count as 0.
 */
export function calculateActualCost(usage: CanonicalUsage | undefined, prices: ModelPrices): number;
export function calculateActualCost(
  usage: CanonicalUsage | undefined,
  prices: PriceTable,
  model: string,
): number | undefined;
export function calculateActualCost(
  usage: CanonicalUsage | undefined,
  prices: ModelPrices | PriceTable,
  model = '',
): number | undefined {
  const own = pricesOf(model, prices);
  if (!own) return undefined;
  const { inputTokens = 0, outputTokens = 0, cacheReadInputTokens = 0, cacheCreationInputTokens = 0 } = usage ?? {};
  const input = inputTokens * own.input + cacheReadInputTokens * (own.cacheRead ?? own.input);
  const written = cacheCreationInputTokens * (own.cacheCreation ?? own.input);
  return (input + written + outputTokens * own.output) / MILLION;
}

/**
 * A rough count of the input tokens, by the gateway's own rule: the bytes of all texts in the request by four, rounded
 * up; a long text without a space in its beginning is an image, a sound or a document, and counts a thousand.
 */
export function estimateInputTokens(request: CanonicalRequest): number {
  let bytes = 0;
  let media = 0;
  // a list of what is still to be looked at, as the calls of a recursion could be too many
  const left: unknown[] = [request];
  while (left.length > 0) {
    const value = left.pop();
    if (typeof value === 'string') {
      if (value.length >= MEDIA_LENGTH && !/[ \\\n"]/.test(value.slice(0, LOOK_AT))) media += 1;
      else bytes += utf8Length(value);
    } else if (typeof value === 'object' && value !== null) {
      for (const part of Object.values(value)) left.push(part);
    }
  }
  return Math.ceil(bytes / BYTES_PER_TOKEN) + media * TOKENS_PER_MEDIA_PART;
}

function pricesOf(model: string, prices: ModelPrices | PriceTable): ModelPrices | undefined {
  if (isPrices(prices)) return prices;
  const exact = Object.hasOwn(prices, model) ? prices[model] : undefined;
  if (exact) return exact;
  const stands = (name: string) => name.endsWith('*') && model.startsWith(name.slice(0, -1));
  // the longest name says most
  const best = Object.keys(prices).filter(stands).sort((a, b) => b.length - a.length)[0];
  return best === undefined ? undefined : prices[best];
}

function isPrices(prices: ModelPrices | PriceTable): prices is ModelPrices {
  return typeof prices.input === 'number' && typeof prices.output === 'number';
}

// there is no encoder in every engine, and none is needed to count
function utf8Length(text: string): number {
  let length = text.length;
  for (let at = 0; at < text.length; at += 1) {
    const unit = text.charCodeAt(at);
    if (unit >= 0x80) length += unit < 0x800 || (unit >= 0xd800 && unit <= 0xdfff) ? 1 : 2;
  }
  return length;
}
