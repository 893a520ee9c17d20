/** Mask-predict between one pass and one token at a time, where two answers are right (inventory I18). */
import { expect, test } from 'vitest';
import type { EncoderDecoder } from '../../src/models/encoder-decoder.ts';
import { needDevice } from '../support/devices.ts';
import { letterTokenizers } from '../support/reversed-strings.ts';
import { trainOnPairs } from '../support/train-pairs.ts';
import {
  bothAnswers,
  drawSources,
  mixedOf,
  natFor,
  outputsOf,
  transformerFor,
  withIterations,
} from '../support/two-answers.ts';

const STEPS = 350;
const learned = drawSources(1000, 3);
const known = new Set(learned.map(String));
const asked = drawSources(300, 4)
  .filter((source) => !known.has(String(source)))
  .slice(0, 200);

const shareRight = (model: EncoderDecoder): number =>
  1 - mixedOf(outputsOf(model, asked), asked) / asked.length;

test.for([1, 2, 3])(
  'four passes stand between all tokens at once and tokens in turn (I18), seed %i',
  (seed, context) => {
    needDevice(context, 'native');
    const trained = <M extends EncoderDecoder>(model: M): M => {
      trainOnPairs(model, bothAnswers(learned), letterTokenizers(), STEPS, {
        learningRate: 0.01,
        training: { seed },
      });
      return model;
    };
    const inTurn = shareRight(trained(transformerFor('native', seed)));
    const masked = trained(natFor('native', { masking: 'random' }, seed));
    const [one, four] = [1, 4].map((passes) => shareRight(withIterations(masked, passes))) as [
      number,
      number,
    ];
    const plain = shareRight(trained(natFor('native', {}, seed)));
    const figures = [inTurn, four, one, plain].map((share) => `${(100 * share).toFixed(1)} %`);
    console.log(
      `right: token by token ${figures[0]}, four passes ${figures[1]}, one pass ${figures[2]}, never shown a token ${figures[3]}`,
    );
    expect(one).toBeLessThan(four);
    // Between the model that writes all tokens at once and the one that writes them in turn.
    expect(plain).toBeLessThan(four);
    expect(four).toBeLessThanOrEqual(inTurn);
  },
);
