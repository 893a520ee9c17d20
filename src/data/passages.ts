/**
 * The passages of a long text that a model should see when it cannot see all of it.
 *
 * Papers: Mihalcea & Tarau, TextRank, 2004, https://aclanthology.org/W04-3252; Liu et al., Generating Wikipedia by
 * Summarizing Long Sequences, 2018, §3.2 (extraction, then a Transformer), https://arxiv.org/abs/1801.10198
 */
import { ConfigError } from '../errors.ts';

/** A stretch of a text; all of them side by side are the text. */
export interface Passage {
  readonly text: string;
  /** Place of its first character. */
  readonly start: number;
}

/**
 * Cuts a text after each sentence's end, with the white space that follows; nothing is lost.
 *
 * @returns passages whose texts, joined, are the text
 * @example
 * splitPassages('One. Two!').map(({ text }) => text); // ['One. ', 'Two!']
 */
export function splitPassages(text: string): Passage[] {
  const ends = /[.!?]+["'”’)\]]*(?:\s+|$)|[。！？]+[”’」』）]*\s*|\n+/gu;
  const passages: Passage[] = [];
  let start = 0;
  for (const { 0: end, index } of text.matchAll(ends)) {
    passages.push({ text: text.slice(start, index + end.length), start });
    start = index + end.length;
  }
  if (start < text.length) passages.push({ text: text.slice(start), start });
  return passages;
}

/** Lower-cased words; a Chinese character is a word. */
export function wordsOf(text: string): string[] {
  return text.toLowerCase().match(/\p{Script=Han}|[\p{L}\p{M}\p{N}]+/gu) ?? [];
}

/** How often each word occurs. */
function countWords(words: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const word of words) counts.set(word, (counts.get(word) ?? 0) + 1);
  return counts;
}

/**
 * Scores by TF-IDF: `tf = 1 + ln count`, `idf = ln((1 + n) / (1 + df)) + 1` over the n passages.
 *
 * @param query - what is asked: passages are scored by the cosine of their vector and the query's; without one, by the
 *   mean weight of their words, so that rare words make a passage important
 */
export function tfIdfScores(passages: readonly string[], query?: string): number[] {
  const counts = passages.map((passage) => countWords(wordsOf(passage)));
  const frequency = countWords(counts.flatMap((words) => [...words.keys()]));
  const weights = (words: ReadonlyMap<string, number>): Map<string, number> =>
    new Map(
      [...words].map(([word, count]) => {
        const idf = Math.log((1 + passages.length) / (1 + (frequency.get(word) ?? 0))) + 1;
        return [word, (1 + Math.log(count)) * idf] as const;
      }),
    );
  const vectors = counts.map(weights);
  if (query === undefined) {
    const sum = (vector: ReadonlyMap<string, number>): number =>
      [...vector.values()].reduce((a, b) => a + b, 0);
    return vectors.map((vector) => (vector.size === 0 ? 0 : sum(vector) / vector.size));
  }
  const asked = weights(countWords(wordsOf(query)));
  return vectors.map((vector) => cosine(vector, asked));
}

function cosine(a: ReadonlyMap<string, number>, b: ReadonlyMap<string, number>): number {
  const dot = [...a].reduce((sum, [word, weight]) => sum + weight * (b.get(word) ?? 0), 0);
  const length = (vector: ReadonlyMap<string, number>): number =>
    Math.sqrt([...vector.values()].reduce((sum, weight) => sum + weight * weight, 0));
  return dot === 0 ? 0 : dot / (length(a) * length(b));
}

/** Words of a passage, and how many they are with those that come again. */
interface Bag {
  readonly words: ReadonlySet<string>;
  readonly length: number;
}

/** Words that two passages share, over the logarithms of their lengths (Mihalcea & Tarau, §4.1). */
function similarity(a: Bag, b: Bag): number {
  const shared = [...a.words].filter((word) => b.words.has(word)).length;
  const size = Math.log(a.length) + Math.log(b.length);
  return shared === 0 || size <= 0 ? 0 : shared / size;
}

const DAMPING = 0.85;
const TOLERANCE = 1e-10;
const MOST_ROUNDS = 200;

/**
 * Scores by TextRank: `s_i = (1 − d) + d Σ_j w_ji / Σ_k w_jk · s_j` with d = 0.85 over the graph of passages that share
 * words. A passage is important when important ones resemble it.
 */
export function textRankScores(passages: readonly string[]): number[] {
  const bags = passages.map(wordsOf).map((words): Bag => ({ words: new Set(words), length: words.length }));
  const weights = bags.map((a, i) => bags.map((b, j) => (i === j ? 0 : similarity(a, b))));
  const totals = weights.map((row) => row.reduce((sum, weight) => sum + weight, 0));
  let scores = passages.map(() => 1);
  for (let round = 0; round < MOST_ROUNDS; round++) {
    const next = scores.map((_, i) => {
      const voted = scores.reduce(
        (sum, score, j) => sum + (totals[j]! > 0 ? (weights[j]![i]! / totals[j]!) * score : 0),
        0,
      );
      return 1 - DAMPING + DAMPING * voted;
    });
    const moved = Math.max(0, ...next.map((score, i) => Math.abs(score - scores[i]!)));
    scores = next;
    if (moved < TOLERANCE) break;
  }
  return scores;
}

/**
 * Scores by attention: how much of it each passage gets, over all heads and queries, for each of its tokens.
 *
 * @param weights - attention weights `[…, S]`, as a model's capture gives them
 * @param lengths - tokens of each passage, S in all
 * @throws {ConfigError} when the lengths are not those of the keys
 */
export function attentionScores(
  weights: { readonly shape: readonly number[]; readonly data: ArrayLike<number> },
  lengths: readonly number[],
): number[] {
  const keys = weights.shape.at(-1) ?? 0;
  const total = lengths.reduce((sum, length) => sum + length, 0);
  if (total !== keys) {
    const got = `${total} in ${lengths.length} passages`;
    throw new ConfigError({ where: 'attentionScores', expected: `lengths of ${keys} keys`, got });
  }
  const rows = keys === 0 ? 0 : weights.data.length / keys;
  let start = 0;
  return lengths.map((length) => {
    let sum = 0;
    for (let row = 0; row < rows; row++)
      for (let s = start; s < start + length; s++) sum += weights.data[row * keys + s]!;
    start += length;
    return length === 0 ? 0 : sum / (rows * length);
  });
}

/**
 * The best passages that fit a budget together, in the order of the text.
 *
 * @param scores - of each passage
 * @param sizes - of each passage, in tokens
 * @param budget - most tokens of all that are chosen
 * @returns indices, rising
 * @example
 * selectPassages([0.2, 0.9, 0.5], [4, 5, 3], 8); // [1, 2]
 */
export function selectPassages(
  scores: readonly number[],
  sizes: readonly number[],
  budget: number,
): number[] {
  const best = scores.map((_, i) => i).toSorted((a, b) => scores[b]! - scores[a]! || a - b);
  let room = budget;
  const chosen = best.filter((i) => {
    if (sizes[i]! > room) return false;
    room -= sizes[i]!;
    return true;
  });
  return chosen.toSorted((a, b) => a - b);
}

/** Ways to score passages without a query, by name. */
export const passageSelectors = ['tf-idf', 'textrank'] as const;

/** Names of the ways. */
export type PassageSelector = (typeof passageSelectors)[number];

const selectors: Readonly<Record<PassageSelector, (passages: readonly string[]) => number[]>> = {
  'tf-idf': (passages) => tfIdfScores(passages),
  textrank: textRankScores,
};

/** A text and where each of its tokens stands in it, `[start, end)` in UTF-16 units. */
export interface TokenSpans {
  readonly text: string;
  readonly offsets: readonly (readonly [start: number, end: number])[];
}

/**
 * The tokens of a text's best passages: whole passages as far as they fit, in the order of the text. Where not even
 * one fits, the beginning of the best one.
 *
 * @param budget - most tokens that stay
 * @returns places of tokens, rising
 * @example
 * const text = 'A a. A b. C d.';
 * keyPlaces({ text, offsets: tokenizer.encodeWithOffsets(text).offsets }, 'textrank', 6);
 */
export function keyPlaces(
  { text, offsets }: TokenSpans,
  selector: PassageSelector,
  budget: number,
): number[] {
  const passages = splitPassages(text);
  const passageOf = passages.flatMap((passage, i) => new Array<number>(passage.text.length).fill(i));
  // A token belongs where its last character stands: the space before a word ends the passage before.
  const owners = offsets.map(
    ([start, end]) => passageOf[Math.min(Math.max(start, end - 1), text.length - 1)]!,
  );
  const sizes = passages.map(() => 0);
  for (const owner of owners) sizes[owner]!++;
  const scores = selectors[selector](passages.map((passage) => passage.text));
  const chosen = new Set(selectPassages(scores, sizes, budget));
  const placesOf = (isWanted: (passage: number) => boolean): number[] =>
    owners.flatMap((owner, place) => (isWanted(owner) ? [place] : []));
  const places = placesOf((passage) => chosen.has(passage));
  if (places.length > 0) return places;
  const best = scores.indexOf(Math.max(...scores));
  return placesOf((passage) => passage === best).slice(0, budget);
}
