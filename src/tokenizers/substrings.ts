/** Substrings that occur more than once, found with a suffix array. */

/** A substring and how often it occurs. */
export interface RepeatedSubstring {
  readonly text: string;
  readonly count: number;
}

/** Ends a word; sorts before all code points. */
const BOUNDARY = 0;

/**
 * The substrings of some words that occur at least twice and that can go on in more than one way (the end of a word
 * is one of them): the inner nodes of the suffix tree. A substring that is always followed by the same character is
 * left out, because the longer one says as much.
 *
 * @param minLength - in code points
 * @param maxLength - in code points; the suffixes are sorted no further than one more
 */
export function* repeatedSubstrings(
  words: Iterable<string>,
  minLength: number,
  maxLength: number,
): Generator<RepeatedSubstring> {
  const text = flatten(words);
  const order = sortSuffixes(text, maxLength + 1);
  // Open intervals of suffixes that share `depth` symbols, from the widest to the narrowest.
  const open: { depth: number; from: number }[] = [];
  for (let i = 1; i <= order.length; i++) {
    const shared = i < order.length ? commonPrefix(text, order[i - 1]!, order[i]!, maxLength + 1) : 0;
    let from = i - 1;
    for (let top = open.at(-1); top && top.depth > shared; top = open.at(-1)) {
      open.pop();
      from = top.from;
      if (top.depth < minLength || top.depth > maxLength) continue;
      const symbols = text.subarray(order[from]!, order[from]! + top.depth);
      if (!symbols.includes(BOUNDARY)) yield { text: String.fromCodePoint(...symbols), count: i - from };
    }
    if (shared > 0 && (open.at(-1)?.depth ?? 0) < shared) open.push({ depth: shared, from });
  }
}

/** Words one after the other, each with its end; U+0000 inside a word ends it too. */
function flatten(words: Iterable<string>): Uint32Array {
  const symbols: number[] = [];
  for (const word of words) {
    for (const char of word) symbols.push(char.codePointAt(0)!);
    symbols.push(BOUNDARY);
  }
  return Uint32Array.from(symbols);
}

function commonPrefix(text: Uint32Array, a: number, b: number, limit: number): number {
  let length = 0;
  const end = Math.min(limit, text.length - Math.max(a, b));
  while (length < end && text[a + length] === text[b + length]) length++;
  return length;
}

/**
 * The suffixes in the order of their first `depth` symbols, by prefix doubling: knowing the order by k symbols, two
 * counting sorts give the order by 2k.
 *
 * Paper: Manber and Myers, Suffix arrays, SIAM Journal on Computing 22(5), 1993.
 */
function sortSuffixes(text: Uint32Array, depth: number): Int32Array {
  const n = text.length;
  let { ranks, numRanks } = firstRanks(text);
  let order = countingSort(
    Int32Array.from({ length: n }, (_, i) => i),
    ranks,
    numRanks,
  );
  for (let known = 1; known < depth && numRanks < n; known *= 2) {
    // Suffixes in the order of what follows their first `known` symbols: those that are that short come first.
    const bySecond = new Int32Array(n);
    let at = 0;
    for (let i = Math.max(0, n - known); i < n; i++) bySecond[at++] = i;
    for (const suffix of order) if (suffix >= known) bySecond[at++] = suffix - known;
    order = countingSort(bySecond, ranks, numRanks);
    ({ ranks, numRanks } = refine(order, ranks, known));
  }
  return order;
}

function firstRanks(text: Uint32Array): { ranks: Int32Array; numRanks: number } {
  const symbols = [...new Set(text)].sort((a, b) => a - b);
  const rankOf = new Map(symbols.map((symbol, rank) => [symbol, rank]));
  return { ranks: Int32Array.from(text, (symbol) => rankOf.get(symbol)!), numRanks: symbols.length };
}

/** Stable. */
function countingSort(items: Int32Array, ranks: Int32Array, numRanks: number): Int32Array {
  const starts = new Int32Array(numRanks + 1);
  for (const item of items) starts[ranks[item]! + 1]!++;
  for (let rank = 0; rank < numRanks; rank++) starts[rank + 1]! += starts[rank]!;
  const sorted = new Int32Array(items.length);
  for (const item of items) sorted[starts[ranks[item]!]!++] = item;
  return sorted;
}

/** Ranks by twice as many symbols, given the order by them and the ranks by `known`. */
function refine(
  order: Int32Array,
  ranks: Int32Array,
  known: number,
): { ranks: Int32Array; numRanks: number } {
  const n = order.length;
  const refined = new Int32Array(n);
  const second = (suffix: number): number => (suffix + known < n ? ranks[suffix + known]! : -1);
  let rank = 0;
  for (let i = 0; i < n; i++) {
    const [before, here] = [order[i - 1] ?? -1, order[i]!];
    if (i > 0 && (ranks[before] !== ranks[here] || second(before) !== second(here))) rank++;
    refined[here] = rank;
  }
  return { ranks: refined, numRanks: n === 0 ? 0 : rank + 1 };
}
