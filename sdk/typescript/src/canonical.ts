// Requests, answers and streams as modules see them, whatever dialect the client or the provider speaks.
//
// The gateway's own types (crates/core/src/canonical) write exactly these shapes, and read them back strictly: a
// field that is not here is refused. What is optional is absent where nobody said it; nothing is made up.

/** A wire protocol. */
export type Dialect = 'openai_chat' | 'openai_responses' | 'anthropic_messages' | 'gemini';

/**
 * Fields that only one dialect has, by dialect. They ride along at every level; a name that begins with `~` notes how
 * something was spelt.
 */
export type Extensions = { [dialect in Dialect]?: Record<string, unknown> };

/** A request. */
export interface CanonicalRequest {
  model: string;
  messages: CanonicalMessage[];
  system?: string | SystemBlock[];
  tools?: CanonicalTool[];
  toolChoice?: ToolChoice;
  /** Output tokens at the most; absent where the client left it out. */
  maxTokens?: number;
  temperature?: number;
  topP?: number;
  topK?: number;
  /** Whether the answer is streamed. That is between the client and the gateway: a change is ignored. */
  stream: boolean;
  stopSequences?: string[];
  /** What the provider is told of the caller, such as `user_id`. Not the metadata of the context. */
  metadata?: Record<string, unknown>;
  thinking?: ThinkingRequest;
  responseFormat?: ResponseFormat;
  extensions?: Extensions;
}

/** One message of a conversation. */
export interface CanonicalMessage {
  role: MessageRole;
  content: string | ContentBlock[];
  extensions?: Extensions;
}

/** Who speaks. */
export type MessageRole = 'user' | 'assistant' | 'system';

/** What any block may carry. */
export interface BlockExtras {
  /** That a prompt cache should end here: `{ type: 'ephemeral', ttl? }`, as the client put it. */
  cacheControl?: unknown;
  extensions?: Extensions;
}

/** A block of the system prompt. */
export interface SystemBlock extends BlockExtras {
  type: 'text';
  text: string;
}

/** A piece of a message. */
export type ContentBlock =
  | TextBlock
  | ToolUseBlock
  | ToolResultBlock
  | ImageBlock
  | DocumentBlock
  | ThinkingBlock
  | OpaqueBlock;

/** Text. */
export interface TextBlock extends BlockExtras {
  type: 'text';
  text: string;
}

/** The model calls a tool. */
export interface ToolUseBlock extends BlockExtras {
  type: 'tool_use';
  id: string;
  name: string;
  /** An object, or a string where the model wrote something that is no JSON. */
  input: unknown;
}

/** A tool has answered. */
export interface ToolResultBlock extends BlockExtras {
  type: 'tool_result';
  toolUseId: string;
  content?: string | ContentBlock[];
  isError?: boolean;
}

/** An image. */
export interface ImageBlock extends BlockExtras {
  type: 'image';
  source: Source;
}

/** A document. */
export interface DocumentBlock extends BlockExtras {
  type: 'document';
  source: Source;
  title?: string;
  /** What else the model should know of it, and is not to cite. */
  context?: string;
}

/** The model thinks aloud. */
export interface ThinkingBlock extends BlockExtras {
  type: 'thinking';
  text: string;
  signature?: string;
  /** Who thought it, such as `anthropic_messages/anthropic`; nobody else gets it back. */
  origin: string;
}

/** Something that only one dialect knows: a whole block of it, as it was. */
export interface OpaqueBlock {
  type: 'opaque';
  dialect: Dialect;
  value: unknown;
  /** Whose secret it holds, such as encrypted reasoning; nobody else gets it back. */
  origin?: string;
}

/** Where the bytes of an image or a document are. */
export type Source =
  | { type: 'base64'; mediaType: string; data: string; extensions?: Extensions }
  /** `data` is the URL. */
  | { type: 'url'; data: string; extensions?: Extensions }
  /** Plain text; of documents only. */
  | { type: 'text'; mediaType: string; data: string; extensions?: Extensions };

/** A tool that the model may call. */
export interface CanonicalTool extends BlockExtras {
  name: string;
  description?: string;
  /** The JSON schema of its input. */
  inputSchema?: unknown;
  /** The only dialect that has this tool, such as a search that the provider runs. */
  dialect?: Dialect;
}

/** Which tool to call. */
export interface ToolChoice {
  /** Absent where only `disableParallelToolUse` was given. */
  type?: 'auto' | 'any' | 'none' | 'tool';
  /** The tool, for `tool`. */
  name?: string;
  disableParallelToolUse?: boolean;
  extensions?: Extensions;
}

/** Whether and how hard to think. */
export interface ThinkingRequest {
  /** Absent where only an effort was given. */
  type?: 'enabled' | 'disabled' | 'adaptive';
  budgetTokens?: number;
  /** `minimal`, `low`, `medium`, `high`, and what else a provider knows. */
  effort?: string;
  extensions?: Extensions;
}

/** The form of an answer. */
export type ResponseFormat =
  | { type: 'text'; extensions?: Extensions }
  | { type: 'json_object'; extensions?: Extensions }
  | { type: 'json_schema'; name?: string; schema?: unknown; extensions?: Extensions };

/** An answer. */
export interface CanonicalResponse {
  id: string;
  model: string;
  role: 'assistant';
  content: ContentBlock[];
  /** `null` while it goes on, or where the provider gives a reason of its own. */
  stopReason: StopReason | null;
  /** The text at which it ended. */
  stopSequence?: string;
  /** Absent where the provider did not say. */
  usage?: CanonicalUsage;
  extensions?: Extensions;
}

/**
 * Why an answer ended. `refusal`: the model, or a filter, declined to go on. `error`: no model answered, the single
 * block says why.
 */
export type StopReason = 'end_turn' | 'max_tokens' | 'stop_sequence' | 'tool_use' | 'refusal' | 'error';

/** Tokens of an answer; a figure is absent where the provider did not give it. */
export interface CanonicalUsage {
  /** Input at the full price: without what was read from or written to a cache. */
  inputTokens?: number;
  /** Output, with what was reasoned. */
  outputTokens?: number;
  cacheReadInputTokens?: number;
  cacheCreationInputTokens?: number;
  /** How much of the output was reasoning. */
  reasoningTokens?: number;
  extensions?: Extensions;
}

/**
 * One piece of a streamed answer: one `message_start`, then blocks, each started, continued and stopped under its
 * index, then `message_delta`s, then one `message_stop`. Blocks may overlap.
 */
export type CanonicalChunk =
  | { type: 'message_start'; message: CanonicalResponse }
  | { type: 'content_block_start'; index: number; contentBlock: ContentBlock }
  | { type: 'content_block_delta'; index: number; delta: Delta }
  | { type: 'content_block_stop'; index: number }
  | { type: 'message_delta'; delta: MessageDelta; usage?: CanonicalUsage }
  | { type: 'message_stop' }
  /** An event that only one dialect knows. */
  | OpaqueBlock;

/** What is added to a block. */
export type Delta =
  | { type: 'text_delta'; text: string }
  /** A piece of the JSON text of a tool's input. */
  | { type: 'input_json_delta'; partialJson: string }
  | { type: 'thinking_delta'; text: string }
  | { type: 'signature_delta'; signature: string }
  /** What only one dialect knows; it accumulates in the block's extensions. */
  | { type: 'extensions_delta'; extensions: Extensions };

/** What is new about the whole answer. */
export interface MessageDelta {
  stopReason?: StopReason;
  stopSequence?: string;
  extensions?: Extensions;
}
