/** Training beyond teacher forcing: what rewards bring (inventory J8), and what is said after a wrong token (Q41). */
import { describe, expect, test } from 'vitest';
import type { TokenPair } from '../../src/data/batching.ts';
import { Translator } from '../../src/generate/translator.ts';
import { bleu, type Transformer, trainTokenizer } from '../../src/index.ts';
import { needDevice } from '../support/devices.ts';
import {
  encodePairs,
  letterTokenizers,
  reversedStrings,
  type StringPair,
  tinyTransformer,
  walks,
} from '../support/reversed-strings.ts';
import { trainOnPairs } from '../support/train-pairs.ts';

const modelFor = (seed: number): Transformer =>
  tinyTransformer({ device: 'native', seed }, { dModel: 32, dFf: 64, numHeads: 4 });

const percent = (shares: readonly number[]): string =>
  `${shares.map((share) => (100 * share).toFixed(1)).join(', ')} %`;

describe('REINFORCE after cross-entropy (J8)', () => {
  // Letters are words, so that BLEU sees each of them.
  const words = trainTokenizer({ kind: 'word' }, ['a b c d e f g h']);
  const tokenizers = { source: words, target: words };
  const spaced = (text: string): string => [...text].join(' ');
  const all = reversedStrings(1700, { seed: 8, shortest: 4, longest: 6 }).map(({ source, target }) => ({
    source: spaced(source),
    target: spaced(target),
  }));
  const [pairs, heldOut] = [encodePairs(all.slice(0, 1500), tokenizers), all.slice(1500)];

  function bleuOf(model: Transformer): number {
    const found = new Translator(model, tokenizers).translate(heldOut.map(({ source }) => source));
    return bleu(
      found.map(({ text }) => text),
      heldOut.map(({ target }) => [target]),
    ).score;
  }

  /** Every source with the target of another one. */
  const strangers = pairs.map(({ source }, i) => ({
    source,
    target: pairs[(i + 1) % pairs.length]!.target,
  }));

  test.for([1, 2, 3])('raises BLEU over its start by rewards alone, seed %i', (seed, context) => {
    needDevice(context, 'native');
    const start = modelFor(seed);
    trainOnPairs(start, pairs, tokenizers, 110, { learningRate: 0.01, training: { seed } });
    /** BLEU after more updates; with a weight of 1 nothing is learned from but rewards. */
    const after = (weight: number | undefined, references: readonly TokenPair[] = pairs): number => {
      const model = modelFor(seed);
      model.loadStateDict(start.stateDict());
      const training = { seed: seed + 10, ...(weight !== undefined && { reinforce: { weight } }) };
      trainOnPairs(model, references, tokenizers, 240, { learningRate: 0.001, training });
      return bleuOf(model);
    };
    const [before, alone, mixed, strange, longer] = [
      bleuOf(start),
      after(1),
      after(0.9),
      after(1, strangers),
      after(undefined),
    ];
    const figures = Object.entries({ before, alone, mixed, strange, longer });
    console.log(`BLEU ${figures.map(([name, score]) => `${name} ${score.toFixed(1)}`).join(', ')}`);
    expect(alone).toBeGreaterThan(before);
    expect(mixed).toBeGreaterThan(before);
    // Rewards for the texts of others teach nothing of a source.
    expect(strange).toBeLessThan(before);
  });
});

describe('after a wrong third token (J7)', () => {
  const tokenizers = letterTokenizers();
  const LENGTH = 8;
  const PLACE = 2;

  /** Share of right letters behind the third one, which is wrong with `isWrong`. */
  function shareRight(model: Transformer, strings: readonly StringPair[], isWrong: boolean): number {
    const sources = strings.map(({ source }) => source);
    const prefixes = strings.map(
      ({ target }) => target.slice(0, PLACE) + (target[PLACE] === 'a' ? 'b' : 'a'),
    );
    const found = new Translator(model, tokenizers).translate(sources, isWrong ? { prefixes } : {});
    const places = Array.from({ length: LENGTH - PLACE - 1 }, (_, i) => PLACE + 1 + i);
    const right = found.map(
      ({ text }, i) => places.filter((place) => text[place] === strings[i]!.target[place]).length,
    );
    return right.reduce((sum, count) => sum + count, 0) / (strings.length * places.length);
  }

  /** With and without the injected error, for each seed. */
  function recovery(strings: readonly StringPair[], training: object, seeds: readonly number[]) {
    const [learned, unseen] = [strings.slice(200), strings.slice(0, 200)];
    const pairs = encodePairs(learned, tokenizers);
    const found = seeds.map((seed) => {
      const model = modelFor(seed);
      trainOnPairs(model, pairs, tokenizers, 250, { learningRate: 0.01, training: { seed, ...training } });
      return [shareRight(model, unseen, true), shareRight(model, unseen, false)] as const;
    });
    return { after: found.map(([after]) => after), plain: found.map(([, plain]) => plain) };
  }

  /** The two ways to train, and what they reach. */
  function bothWays(name: string, strings: readonly StringPair[], seeds: readonly number[]) {
    const scheduledSampling = { schedule: 'linear', from: 0, to: 0.5 };
    const forced = recovery(strings, {}, seeds);
    const sampled = recovery(strings, { scheduledSampling }, seeds);
    for (const [way, { after, plain }] of Object.entries({ forced, sampled }))
      console.log(`${name}, ${way}: ${percent(after)}, without an error ${percent(plain)}`);
    return { forced, sampled };
  }

  test('a reader of the source finds back, the better for scheduled sampling', (context) => {
    needDevice(context, 'native');
    const strings = reversedStrings(2200, { seed: 8, shortest: LENGTH, longest: LENGTH });
    const { forced, sampled } = bothWays('reversed strings', strings, [1, 2, 3, 4, 5, 6, 7, 8]);
    expect(Math.min(...forced.after, ...sampled.after)).toBeGreaterThan(0.85);
    const gains = sampled.after.map((share, i) => share - forced.after[i]!);
    const mean = gains.reduce((a, b) => a + b, 0) / gains.length;
    console.log(`gains of scheduled sampling: ${percent(gains)}, mean ${percent([mean])}`);
    expect(mean).toBeGreaterThan(0.005);
    // Chance gives seven or more of eight in one case of 28.
    expect(gains.filter((gain) => gain > 0).length).toBeGreaterThanOrEqual(7);
  });

  test('who counts on from the last letter does not, however it was trained', (context) => {
    needDevice(context, 'native');
    const ways = bothWays('walks', walks(1000, { seed: 8, length: LENGTH }), [1, 2, 3]);
    for (const { after, plain } of Object.values(ways)) {
      expect(Math.max(...after)).toBeLessThan(0.5);
      expect(Math.min(...plain)).toBeGreaterThan(Math.max(...after));
    }
  });
});
