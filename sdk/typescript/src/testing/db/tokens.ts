// The tokens of SQL: enough to know what is code and what is a text or a comment.

import { invalid } from './error.js';

/** A token of SQLite's SQL. */
export type Token =
  /** A keyword, a name or a number. */
  | { type: 'word'; text: string }
  /** A name in quotes, with them. */
  | { type: 'quoted'; text: string }
  /** A text in quotes. */
  | { type: 'text'; text: string }
  /** White space or a comment. */
  | { type: 'space'; text: string }
  /** `?` */
  | { type: 'question'; text: string }
  /** `$1` */
  | { type: 'dollar'; text: string; number: number }
  /** Any other character, or SQL that was put in. */
  | { type: 'other'; text: string };

const TOKEN =
  /(?<space>\s+|--[^\n]*|\/\*[\s\S]*?\*\/)|(?<text>'(?:[^']|'')*')|(?<quoted>"(?:[^"]|"")*"|`(?:[^`]|``)*`|\[[^\]]*\])|(?<dollar>\$\d+)|(?<question>\?)|(?<word>[\p{L}\p{N}_][\p{L}\p{N}_$]*)|(?<other>[\s\S])/uy;

/** Takes `sql` apart. A text or comment that does not end is an error. */
export function tokens(sql: string): Token[] {
  const found: Token[] = [];
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < sql.length) {
    const at = TOKEN.lastIndex;
    const groups = TOKEN.exec(sql)?.groups ?? {};
    const [type, text] = Object.entries(groups).find(([, part]) => part !== undefined) ?? ['other', sql.slice(at)];
    if (type === 'other' && `'"\`[`.includes(text)) throw invalid(`a text or a name in ${text} does not end`);
    if (type === 'other' && text === '/' && sql.startsWith('/*', at)) throw invalid('a comment does not end');
    if (type === 'dollar') found.push({ type, text, number: Number(text.slice(1)) });
    else found.push({ type, text } as Token);
  }
  return found;
}

/** Whether it is more than space. */
export function isCode(token: Token): boolean {
  return token.type !== 'space';
}

/** Whether it is that character. */
export function isMark(token: Token | undefined, mark: string): boolean {
  return token?.type === 'other' && token.text === mark;
}

/** The word in lower case, if it is one. */
export function wordOf(token: Token): string | undefined {
  return token.type === 'word' ? token.text.toLowerCase() : undefined;
}

/** The name, quoted or not, in lower case. */
export function nameOf(token: Token): string | undefined {
  return token.type === 'quoted' ? token.text.slice(1, -1).toLowerCase() : wordOf(token);
}

/** The word at place `at` among those that are code. */
export function wordAt(all: readonly Token[], at: number): string | undefined {
  const token = all.filter(isCode)[at];
  return token && wordOf(token);
}
