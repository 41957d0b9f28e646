// An answer as the pieces of a stream, and a stream as the answer that it adds up to.

import type { CanonicalChunk, CanonicalResponse, ContentBlock, Delta } from '../index.js';

/** The pieces of an answer, as a provider that streams would send them: each text in as many pieces as it has words. */
export function chunksOf(response: CanonicalResponse): CanonicalChunk[] {
  const { content, stopReason, stopSequence, usage, ...head } = response;
  const delta = { ...(stopReason && { stopReason }), ...(stopSequence !== undefined && { stopSequence }) };
  return [
    { type: 'message_start', message: { ...head, content: [], stopReason: null } },
    ...content.flatMap(blockChunks),
    { type: 'message_delta', delta, ...(usage && { usage }) },
    { type: 'message_stop' },
  ];
}

function blockChunks(block: ContentBlock, index: number): CanonicalChunk[] {
  const [contentBlock, deltas] = opened(block);
  const pieces = deltas.map((delta) => ({ type: 'content_block_delta' as const, index, delta }));
  return [{ type: 'content_block_start', index, contentBlock }, ...pieces, { type: 'content_block_stop', index }];
}

/** The block as it begins, and what is added to it. */
function opened(block: ContentBlock): [ContentBlock, Delta[]] {
  switch (block.type) {
    case 'text':
      return [{ ...block, text: '' }, words(block.text).map((text) => ({ type: 'text_delta', text }))];
    case 'thinking': {
      const { signature, ...rest } = block;
      const thoughts: Delta[] = words(block.text).map((text) => ({ type: 'thinking_delta', text }));
      const signed: Delta[] = signature === undefined ? [] : [{ type: 'signature_delta', signature }];
      return [{ ...rest, text: '' }, [...thoughts, ...signed]];
    }
    case 'tool_use':
      return [{ ...block, input: {} }, [{ type: 'input_json_delta', partialJson: JSON.stringify(block.input) }]];
    default:
      return [block, []];
  }
}

function words(text: string): string[] {
  return text.match(/\s*\S+\s*$|\s*\S+|\s+/g) ?? [];
}

/** Adds up the pieces of a stream. */
export class Fold {
  /** The answer so far. */
  readonly response: CanonicalResponse = { id: '', model: '', role: 'assistant', content: [], stopReason: null };
  readonly #inputs = new Map<number, string>();

  push(chunk: CanonicalChunk): void {
    const { content } = this.response;
    switch (chunk.type) {
      case 'message_start':
        Object.assign(this.response, structuredClone(chunk.message));
        break;
      case 'content_block_start':
        content[chunk.index] = structuredClone(chunk.contentBlock);
        break;
      case 'content_block_delta':
        this.#add(content[chunk.index], chunk.index, chunk.delta);
        break;
      case 'content_block_stop':
        this.#close(content[chunk.index], chunk.index);
        break;
      case 'message_delta':
        Object.assign(this.response, structuredClone(chunk.delta));
        // figures are cumulative: the last one counts
        if (chunk.usage) this.response.usage = { ...this.response.usage, ...chunk.usage };
        break;
      case 'message_stop':
      case 'opaque':
        break;
    }
  }

  #add(block: ContentBlock | undefined, index: number, delta: Delta): void {
    switch (delta.type) {
      case 'text_delta':
        if (block?.type === 'text') block.text += delta.text;
        break;
      case 'thinking_delta':
        if (block?.type === 'thinking') block.text += delta.text;
        break;
      case 'signature_delta':
        if (block?.type === 'thinking') block.signature = (block.signature ?? '') + delta.signature;
        break;
      case 'input_json_delta':
        this.#inputs.set(index, (this.#inputs.get(index) ?? '') + delta.partialJson);
        break;
      case 'extensions_delta':
        if (block && block.type !== 'opaque') block.extensions = { ...block.extensions, ...delta.extensions };
    }
  }

  #close(block: ContentBlock | undefined, index: number): void {
    const text = this.#inputs.get(index);
    if (block?.type !== 'tool_use' || text === undefined) return;
    try {
      block.input = JSON.parse(text);
    } catch {
      // what the model wrote is no JSON: it is kept as the text it is
      block.input = text;
    }
  }
}
