/** Counting n-grams. An n-gram is a slice of one string, so neither arrays nor joined copies are made. */

/** A text cut into units (words or characters). */
export interface Units {
  readonly text: string;
  /** Where unit i begins; one more entry than units, so that an n-gram ends where unit i + n begins. */
  readonly starts: readonly number[];
  /** Characters between two units: 1 for words, 0 for characters. */
  readonly gap: number;
  readonly length: number;
}

/** Units that are words; the words hold no space. */
export function wordUnits(words: readonly string[]): Units {
  const starts = [0];
  let end = 0;
  for (const word of words) starts.push((end += word.length + 1));
  return { text: words.join(' '), starts, gap: 1, length: words.length };
}

/** Units that are Unicode code points. */
export function characterUnits(text: string): Units {
  const starts = [0];
  let end = 0;
  for (const character of text) starts.push((end += character.length));
  return { text, starts, gap: 0, length: starts.length - 1 };
}

/** How many n-grams of one order there are: `max(0, length − n + 1)`. */
export function ngramTotal(units: Units, order: number): number {
  return Math.max(0, units.length - order + 1);
}

/** Occurrences of every n-gram of one order. */
export function countNgrams(units: Units, order: number): Map<string, number> {
  const counts = new Map<string, number>();
  const total = ngramTotal(units, order);
  for (let i = 0; i < total; i++) {
    const ngram = sliceNgram(units, i, order);
    counts.set(ngram, (counts.get(ngram) ?? 0) + 1);
  }
  return counts;
}

/**
 * Clipped matches `Σ min(count in units, count in reference)`. Every match is taken out of `reference`, which is
 * the clipping, and leaves the map used up.
 */
export function takeMatches(units: Units, order: number, reference: Map<string, number>): number {
  let matches = 0;
  const total = ngramTotal(units, order);
  for (let i = 0; i < total; i++) {
    const ngram = sliceNgram(units, i, order);
    const left = reference.get(ngram);
    if (!left) continue;
    reference.set(ngram, left - 1);
    matches++;
  }
  return matches;
}

function sliceNgram(units: Units, i: number, order: number): string {
  return units.text.slice(units.starts[i], units.starts[i + order]! - units.gap);
}
