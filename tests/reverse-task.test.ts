/** A Transformer that learns to say strings backwards: all of training and decoding in one measurable truth. */
import { expect, test } from 'vitest';
import { Translator } from '../src/generate/translator.ts';
import { Adam } from '../src/train/adam.ts';
import { clipFactor, gradientNorm } from '../src/train/clip.ts';
import { learningRateAt } from '../src/train/schedules.ts';
import { epochBatches, makeBatch, Seq2SeqObjective } from '../src/train/seq2seq.ts';
import { needDevice } from './support/devices.ts';
import {
  encodePairs,
  letterTokenizers,
  reversedStrings,
  tinyTransformer,
} from './support/reversed-strings.ts';

const STEPS = 1200;

test('every held-out string comes out reversed, by greedy and by beam search', {
  timeout: 180_000,
}, (context) => {
  needDevice(context, 'native');
  const tokenizers = letterTokenizers();
  const all = reversedStrings(3300, { seed: 8, shortest: 2, longest: 7 });
  const heldOut = all.slice(3000);
  const pairs = encodePairs(all.slice(0, 3000), tokenizers);
  const model = tinyTransformer(
    { device: 'native' },
    { dModel: 64, dFf: 128, numHeads: 4, normPlacement: 'pre' },
  );
  const objective = new Seq2SeqObjective(model, {
    padId: tokenizers.target.specialTokens.pad,
    labelSmoothing: 0,
  });
  const adam = new Adam(model.namedParameters());
  const schedule = { learningRate: 0.003, warmupSteps: 100, finalRate: 0.02, dModel: 64 };
  let step = 0;
  for (let epoch = 0; step < STEPS; epoch++) {
    for (const places of epochBatches(pairs, { maxTokens: 512 }, { seed: 1, epoch, shuffle: true })) {
      if (step++ === STEPS) break;
      const batch = makeBatch(
        places.map((place) => pairs[place]!),
        tokenizers,
      );
      objective.trainOn(batch, batch.targetTokens);
      const clip = clipFactor(gradientNorm(model.parameters()), 1);
      adam.step(learningRateAt('cosine', { step, done: step / STEPS }, schedule), clip);
      model.zeroGrad();
    }
  }
  const translator = new Translator(model, tokenizers);
  for (const beamSize of [1, 4]) {
    const found = translator.translate(
      heldOut.map(({ source }) => source),
      { beamSize },
    );
    const wrong = found.flatMap(({ source, text }, i) =>
      text === heldOut[i]!.target ? [] : [`${source} → ${text}`],
    );
    expect(wrong, `beam ${beamSize}`).toEqual([]);
  }
});
