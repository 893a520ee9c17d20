/** A task small enough for a test and hard enough to need order: say a string backwards. */
import '../../src/backends/register.ts';
import { Random } from '../../src/core/random.ts';
import type { TokenPair } from '../../src/data/batching.ts';
import type { Tokenizers } from '../../src/generate/translator.ts';
import { Transformer } from '../../src/models/transformer.ts';
import type { TransformerConfig } from '../../src/models/transformer-config.ts';
import { trainTokenizer } from '../../src/tokenizers/train.ts';

const alphabet = 'abcdefgh';

/** A string and what becomes of it. */
export interface StringPair {
  readonly source: string;
  readonly target: string;
}

/** `count` different strings of `shortest` to `longest` letters, each with its mirror image. */
export function reversedStrings(
  count: number,
  { seed = 1, shortest = 1, longest = 6 }: { seed?: number; shortest?: number; longest?: number } = {},
): StringPair[] {
  const random = new Random(seed, 'reversed-strings');
  const sources = different(count, () => {
    const length = shortest + random.integer(longest - shortest + 1);
    return Array.from({ length }, () => alphabet[random.integer(alphabet.length)]).join('');
  });
  return sources.map((source) => ({ source, target: [...source].reverse().join('') }));
}

/**
 * `count` different walks around the alphabet: a first letter, then a `b` for one step onwards and a `c` for two. What
 * has to be said are the letters on the way, each of which follows from the one before it.
 */
export function walks(count: number, { seed, length }: { seed: number; length: number }): StringPair[] {
  const random = new Random(seed, 'walks');
  const sources = different(count, () => {
    const steps = Array.from({ length: length - 1 }, () => 'bc'[random.integer(2)]);
    return [alphabet[random.integer(alphabet.length)], ...steps].join('');
  });
  return sources.map((source) => {
    let place = 0;
    const target = [...source].map((step) => alphabet[(place += alphabet.indexOf(step)) % alphabet.length]);
    return { source, target: target.join('') };
  });
}

function different(count: number, draw: () => string): string[] {
  const strings = new Set<string>();
  while (strings.size < count) strings.add(draw());
  return [...strings];
}

/** One tokenizer of letters for both sides. */
export function letterTokenizers(): Tokenizers {
  const letters = trainTokenizer({ kind: 'char' }, [alphabet]);
  return { source: letters, target: letters };
}

/** Pairs as token ids, without begin and end. */
export function encodePairs(pairs: readonly StringPair[], { source, target }: Tokenizers): TokenPair[] {
  return pairs.map((pair) => ({ source: source.encode(pair.source), target: target.encode(pair.target) }));
}

/** A Transformer that a test can train in seconds. */
export function tinyTransformer(
  { device = 'reference', seed = 1 }: { device?: string; seed?: number } = {},
  config: Partial<TransformerConfig> = {},
): Transformer {
  const vocabSize = alphabet.length + 4;
  const size = { dModel: 16, dFf: 32, numHeads: 2, numEncoderLayers: 1, numDecoderLayers: 1, maxSeqLen: 24 };
  return new Transformer(
    { sourceVocabSize: vocabSize, targetVocabSize: vocabSize, dropout: 0, ...size, ...config },
    { random: new Random(seed, 'init'), device },
  );
}
