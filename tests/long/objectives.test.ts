/** Training beyond teacher forcing: what rewards bring (inventory J8), and what is said after a wrong token (Q41). */
import { describe, expect, test } from 'vitest';
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

  test.for([1, 2, 3])('raises BLEU over its start, seed %i', (seed, context) => {
    needDevice(context, 'native');
    const model = modelFor(seed);
    trainOnPairs(model, pairs, tokenizers, 110, { learningRate: 0.01, training: { seed } });
    const start = bleuOf(model);
    const longer = modelFor(seed);
    longer.loadStateDict(model.stateDict());
    const more = { learningRate: 0.003, training: { seed: seed + 10 } };
    trainOnPairs(longer, pairs, tokenizers, 80, more);
    const reinforce = { weight: 0.9 };
    trainOnPairs(model, pairs, tokenizers, 80, { ...more, training: { ...more.training, reinforce } });
    const end = bleuOf(model);
    const figures = [start, end, bleuOf(longer)].map((score) => score.toFixed(1));
    console.log(`BLEU ${figures[0]}, then ${figures[1]} by rewards, ${figures[2]} by more cross-entropy`);
    expect(end).toBeGreaterThan(start);
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

  /** With and without the injected error, three seeds. */
  function recovery(strings: readonly StringPair[], steps: number, training: object) {
    const [learned, unseen] = [strings.slice(200), strings.slice(0, 200)];
    const pairs = encodePairs(learned, tokenizers);
    const found = [1, 2, 3].map((seed) => {
      const model = modelFor(seed);
      trainOnPairs(model, pairs, tokenizers, steps, { learningRate: 0.01, training: { seed, ...training } });
      return [shareRight(model, unseen, true), shareRight(model, unseen, false)] as const;
    });
    return { after: found.map(([after]) => after), plain: found.map(([, plain]) => plain) };
  }

  const scheduledSampling = { schedule: 'linear', from: 0, to: 0.5 };
  const sorts = [
    ['teacher forcing', {}],
    ['scheduled sampling', { scheduledSampling }],
  ] as const;

  test.for(sorts)('a reader of the source finds back: %s', ([name, training], context) => {
    needDevice(context, 'native');
    const strings = reversedStrings(2200, { seed: 8, shortest: LENGTH, longest: LENGTH });
    const { after, plain } = recovery(strings, 250, training);
    console.log(`reversed strings, ${name}: ${percent(after)}, without an error ${percent(plain)}`);
    expect(Math.min(...after)).toBeGreaterThan(0.85);
  });

  test.for(sorts)('who counts on from the last letter does not: %s', ([name, training], context) => {
    needDevice(context, 'native');
    const { after, plain } = recovery(walks(1000, { seed: 8, length: LENGTH }), 250, training);
    console.log(`walks, ${name}: ${percent(after)}, without an error ${percent(plain)}`);
    expect(Math.max(...after)).toBeLessThan(0.5);
    expect(Math.min(...plain)).toBeGreaterThan(Math.max(...after));
  });
});
