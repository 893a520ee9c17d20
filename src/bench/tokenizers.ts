/** Tokenizers: learning 8,000 pieces from the first million bytes of a text, and cutting text with them. */
import { loadTokenizer } from '../tokenizers/load.ts';
import { trainTokenizer } from '../tokenizers/train.ts';
import type { Tokenizer, TokenizerConfig } from '../tokenizers/types.ts';
import { median } from './shapes.ts';
import { readTextFile } from './text-file.ts';

const BYTES = 1_000_000;
const PIECES = 8000;

const configs: Readonly<Record<string, TokenizerConfig>> = {
  bpe: { kind: 'bpe', vocabSize: PIECES },
  'bpe-bytes': { kind: 'bpe', vocabSize: PIECES, preTokenizer: 'byteLevel' },
  'bpe-metaspace': { kind: 'bpe', vocabSize: PIECES, preTokenizer: 'metaspace', byteFallback: true },
  wordpiece: { kind: 'wordpiece', vocabSize: PIECES },
  'wordpiece-frequency': { kind: 'wordpiece', vocabSize: PIECES, score: 'frequency' },
  unigram: { kind: 'unigram', vocabSize: PIECES },
};

/** Seconds of a training, and megabytes of UTF-8 that are cut in a second. */
export interface TokenizerSpeed {
  readonly tokenizer: string;
  readonly megabytes: number;
  readonly pieces: number;
  readonly trainSeconds: number;
  /** By a tokenizer that has just been loaded and remembers no word. */
  readonly encodeMegabytesPerSecond: number;
  /** By one that has cut the same text before. */
  readonly againMegabytesPerSecond: number;
}

/**
 * Measures every kind on one thread, medians over `rounds`.
 *
 * @param path - a text file of a million bytes or less
 */
export function* measureTokenizers(path: string | undefined, rounds: number): Generator<TokenizerSpeed> {
  const bytes = Buffer.from(readTextFile(path, 'bench tokenizers')).subarray(0, BYTES);
  const lines = bytes.toString('utf8').split('\n');
  const megabytes = bytes.length / 1e6;
  for (const [tokenizer, config] of Object.entries(configs)) {
    const trained = timed(rounds, () => trainTokenizer(config, lines));
    const saved = JSON.stringify(trained.result);
    const fresh: number[] = [];
    const again: number[] = [];
    for (let round = 0; round < rounds; round++) {
      const loaded = loadTokenizer(JSON.parse(saved));
      fresh.push(cut(loaded, lines));
      again.push(cut(loaded, lines));
    }
    yield {
      tokenizer,
      megabytes,
      pieces: trained.result.vocabSize,
      trainSeconds: trained.seconds,
      encodeMegabytesPerSecond: megabytes / median(fresh),
      againMegabytesPerSecond: megabytes / median(again),
    };
  }
}

function cut(tokenizer: Tokenizer, lines: readonly string[]): number {
  const start = performance.now();
  for (const line of lines) tokenizer.encode(line);
  return (performance.now() - start) / 1000;
}

function timed<T>(rounds: number, run: () => T): { readonly result: T; readonly seconds: number } {
  const times: number[] = [];
  let result = run();
  for (let round = 0; round < rounds; round++) {
    const start = performance.now();
    result = run();
    times.push((performance.now() - start) / 1000);
  }
  return { result, seconds: median(times) };
}
