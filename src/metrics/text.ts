/**
 * Text as sequences of units. White space is what Python's `str.split()` takes for it, because the published
 * metrics are defined by programs that use it: unlike `\s` it holds U+001C to U+001F and U+0085, but not U+FEFF.
 */

const SPACE = '\\t-\\r\\u001c-\\u0020\\u0085\\u00a0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000';
const SPACE_RUN = new RegExp(`[${SPACE}]+`);
const LEADING_SPACE = new RegExp(`^[${SPACE}]+`);
const TRAILING_SPACE = new RegExp(`(?<![${SPACE}])[${SPACE}]+$`);

/**
 * The words of a text: its longest runs without white space.
 *
 * @example
 * splitWords('  two  words '); // ['two', 'words']
 */
export function splitWords(text: string): string[] {
  return text.split(SPACE_RUN).filter((word) => word !== '');
}

/** The text without leading white space. */
export function trimStart(text: string): string {
  return text.replace(LEADING_SPACE, '');
}

/** The text without trailing white space. */
export function trimEnd(text: string): string {
  return text.replace(TRAILING_SPACE, '');
}

/** The Unicode code points of a text, spaces included. */
export function codePoints(text: string): Uint32Array {
  return Uint32Array.from(text, (character) => character.codePointAt(0)!);
}
