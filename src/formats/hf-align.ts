/** Rewrites aligned text the way Hugging Face's library keeps track of offsets: code point by code point. */
import { type AlignedText, originalSpan } from '../tokenizers/normalize.ts';

/**
 * A code point of the new text. `change` 0: it stands for the next one of the old text; 1: it is new and shares the
 * place of the one before; −n: it stands for the next one, and n more of the old text are gone after it.
 */
export type Change = readonly [char: string, change: number];

/**
 * The new text with the places of the old one.
 *
 * @param skip - code points of the old text that are gone before the first change
 */
export function transform(input: AlignedText, changes: readonly Change[], skip = 0): AlignedText {
  const old: [number, number][] = [];
  let at = 0;
  for (const char of input.text) old.push(originalSpan(input, at, (at += char.length)));
  const text = changes.map(([char]) => char).join('');
  const starts = new Int32Array(text.length);
  const ends = new Int32Array(text.length);
  let read = skip;
  let write = 0;
  for (const [char, change] of changes) {
    const span = old[change > 0 ? read - 1 : read] ?? [0, 0];
    if (change <= 0) read += 1 - change;
    for (let unit = 0; unit < char.length; unit++) {
      starts[write] = span[0];
      ends[write++] = span[1];
    }
  }
  return { text, spans: { starts, ends } };
}

/** The changes that put `to` in the place of `from`: one by one, what is left over at the end. */
export function replacement(from: string, to: string, changes: Change[]): void {
  const oldLength = [...from].length;
  const chars = [...to];
  chars.forEach((char, i) => {
    changes.push([char, i < oldLength ? 0 : 1]);
  });
  const last = changes.pop();
  if (last) changes.push(chars.length < oldLength ? [last[0], last[1] + chars.length - oldLength] : last);
}
