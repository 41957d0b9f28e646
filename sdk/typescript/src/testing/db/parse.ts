// The two small languages of the chain: lists of columns, and the conditions of `or`.

import { invalid } from './error.js';
import type { Json } from './json.js';
import { identifier, operator, type Filter, type Operator, type Selected } from './query.js';

/** How deep conditions may nest. */
const DEPTH = 16;

/** `a, b, alias:a` or `*`. */
export function columns(text: string): Selected[] {
  return text.split(',').map((part) => {
    const trimmed = part.trim();
    if (trimmed === '*') return '*';
    const at = trimmed.indexOf(':');
    const [alias, name] = at < 0 ? [trimmed, trimmed] : [trimmed.slice(0, at), trimmed.slice(at + 1)];
    return { alias: identifier(alias.trim()), name: identifier(name.trim()) };
  });
}

/** `a.eq.1,b.in.(1,2),and(c.gt.1,not.d.is.null)`. */
export function conditions(text: string, depth = 0): Filter[] {
  if (depth > DEPTH) throw invalid(`conditions nest deeper than ${DEPTH}`);
  return split(text).map((part) => condition(part.trim(), depth));
}

function condition(text: string, depth: number): Filter {
  const group = (name: string) =>
    text.startsWith(`${name}(`) && text.endsWith(')') ? text.slice(name.length + 1, -1) : undefined;
  const [all, any] = [group('and'), group('or')];
  if (all !== undefined) return { type: 'all', filters: conditions(all, depth + 1) };
  if (any !== undefined) return { type: 'any', filters: conditions(any, depth + 1) };
  if (text.startsWith('not.')) return { type: 'not', filter: condition(text.slice(4), depth + 1) };
  const wrong = () => invalid(`expected a condition such as column.eq.value, found ${JSON.stringify(text)}`);
  const [column, whole] = cut(text, '.') ?? fail(wrong());
  const negated = whole.startsWith('not.');
  const [name, value] = cut(negated ? whole.slice(4) : whole, '.') ?? fail(wrong());
  const own = operator(name);
  const filter: Filter = {
    type: 'compare',
    column: identifier(column),
    operator: own,
    value: operand(own, value, wrong),
  };
  return negated ? { type: 'not', filter } : filter;
}

/** The value of a condition: a text, which the type of the column turns into what it is. */
function operand(own: Operator, text: string, wrong: () => Error): Json {
  switch (own) {
    case 'in': {
      if (!text.startsWith('(') || !text.endsWith(')')) throw wrong();
      const inner = text.slice(1, -1);
      return inner.trim() === '' ? [] : split(inner).map((part) => unquoted(part.trim()));
    }
    case 'is': {
      const known: Record<string, Json> = { null: null, true: true, false: false };
      return Object.hasOwn(known, text) ? (known[text] as Json) : fail(wrong());
    }
    case 'contains':
      try {
        return JSON.parse(text) as Json;
      } catch {
        throw wrong();
      }
    default:
      return unquoted(text);
  }
}

function unquoted(text: string): Json {
  if (text.length < 2 || !text.startsWith('"') || !text.endsWith('"')) return text === 'null' ? null : text;
  return text.slice(1, -1).replace(/\\([\s\S])/g, '$1');
}

/** Splits at commas outside quotes, brackets and braces. */
function split(text: string): string[] {
  const parts: string[] = [];
  let [depth, start, quoted, escaped] = [0, 0, false, false];
  for (let at = 0; at < text.length; at += 1) {
    const letter = text.charAt(at);
    if (escaped) escaped = false;
    else if (quoted && letter === '\\') escaped = true;
    else if (letter === '"') quoted = !quoted;
    else if (quoted) continue;
    else if ('({['.includes(letter)) depth += 1;
    else if (')}]'.includes(letter)) depth -= 1;
    else if (letter === ',' && depth === 0) {
      parts.push(text.slice(start, at));
      start = at + 1;
    }
  }
  parts.push(text.slice(start));
  if (depth !== 0 || quoted) throw invalid(`brackets or quotes do not match in ${JSON.stringify(text)}`);
  return parts;
}

function cut(text: string, mark: string): [string, string] | undefined {
  const at = text.indexOf(mark);
  return at < 0 ? undefined : [text.slice(0, at), text.slice(at + mark.length)];
}

function fail(error: Error): never {
  throw error;
}
