/** The learn phase of byte-pair encoding and WordPiece by its definition: count everything again before each step. */
import type { BpeTrainingOptions } from '../../src/tokenizers/bpe-trainer.ts';
import type { Merge } from '../../src/tokenizers/types.ts';

interface Word {
  readonly symbols: readonly string[];
  readonly count: number;
}

type Options = Pick<BpeTrainingOptions, 'maxMerges' | 'minFrequency'> & {
  readonly alphabet: readonly string[];
  readonly continuation: string;
  readonly mergesPerStep: number;
  readonly score: 'frequency' | 'likelihood';
};

/** The merges in order; the alphabet must be sorted and hold every symbol. */
export function learnSlowly(counts: ReadonlyMap<string, number>, options: Options): Merge[] {
  const { alphabet, continuation, maxMerges, minFrequency, mergesPerStep, score } = options;
  let words: Word[] = [...counts].map(([word, count]) => ({
    symbols: [...word].map((char, i) => (i === 0 ? char : continuation + char)),
    count,
  }));
  const later = new Set([...counts.keys()].flatMap((word) => [...word].slice(1)));
  const pieces = [...alphabet];
  if (continuation) for (const char of alphabet) if (later.has(char)) pieces.push(continuation + char);
  const merges: Merge[] = [];
  while (merges.length < maxMerges) {
    const step = bestPairs(words, pieces, { minFrequency, score }).slice(0, mergesPerStep);
    if (step.length === 0) break;
    for (const [left, right] of step) {
      const occurs = words.some(({ symbols }) =>
        symbols.some((s, i) => s === left && symbols[i + 1] === right),
      );
      if (!occurs || merges.length === maxMerges) continue;
      const joined = left + right.slice(continuation.length);
      merges.push([left, right]);
      if (!pieces.includes(joined)) pieces.push(joined);
      words = words.map(({ symbols, count }) => ({ symbols: mergeAll(symbols, left, right, joined), count }));
    }
  }
  return merges;
}

/** All pairs, the best one first; ties by the ids of the left and then of the right piece. */
function bestPairs(
  words: readonly Word[],
  pieces: readonly string[],
  { minFrequency, score }: Pick<Options, 'minFrequency' | 'score'>,
): Merge[] {
  const pairs = new Map<string, { readonly pair: Merge; count: number }>();
  const single = new Map<string, number>();
  for (const { symbols, count } of words) {
    symbols.forEach((symbol, i) => {
      single.set(symbol, (single.get(symbol) ?? 0) + count);
      if (i === 0) return;
      const pair: Merge = [symbols[i - 1]!, symbol];
      const known = pairs.get(pair.join(' '));
      if (known) known.count += count;
      else pairs.set(pair.join(' '), { pair, count });
    });
  }
  const rate = ({ pair: [left, right], count }: { pair: Merge; count: number }): number =>
    score === 'frequency' ? count : count / (single.get(left)! * single.get(right)!);
  const order = (piece: string): number => pieces.indexOf(piece);
  return [...pairs.values()]
    .filter(({ count }) => count >= minFrequency)
    .sort(
      (x, y) =>
        rate(y) - rate(x) || order(x.pair[0]) - order(y.pair[0]) || order(x.pair[1]) - order(y.pair[1]),
    )
    .map(({ pair }) => pair);
}

function mergeAll(symbols: readonly string[], left: string, right: string, joined: string): string[] {
  const out: string[] = [];
  for (let i = 0; i < symbols.length; i++) {
    if (symbols[i] !== left || symbols[i + 1] !== right) out.push(symbols[i]!);
    else {
      out.push(joined);
      i++;
    }
  }
  return out;
}
