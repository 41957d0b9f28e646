// Patterns of `%` and `_` as a `GLOB`, which compares by case. A pattern that is to ignore case names both cases of
// each letter, in every script.

/** The pattern for `GLOB`. */
export function glob(pattern: string, fold: boolean): string {
  const letters = [...pattern];
  let text = '';
  for (let at = 0; at < letters.length; at += 1) {
    const letter = letters[at] as string;
    if (letter === '%') text += '*';
    else if (letter === '_') text += '?';
    else text += literal(letter === '\\' ? (letters[(at += 1)] ?? '\\') : letter, fold);
  }
  return text;
}

function literal(letter: string, fold: boolean): string {
  const both = fold ? [letter, letter.toUpperCase(), letter.toLowerCase()] : [letter];
  // a letter whose other case is several, such as ß, has none here
  const cases = new Set(both.filter((one) => [...one].length === 1));
  return cases.size === 1 && !'*?['.includes(letter) ? letter : `[${[...cases].join('')}]`;
}
