/** A training step takes its memory from what the step before gave back. */
import { expect } from 'vitest';
import { getDevice } from '../../src/core/device.ts';
import { Adam } from '../../src/train/adam.ts';
import { makeBatch, Seq2SeqObjective } from '../../src/train/seq2seq.ts';
import { itOnEachDevice } from '../support/devices.ts';
import {
  encodePairs,
  letterTokenizers,
  reversedStrings,
  tinyTransformer,
} from '../support/reversed-strings.ts';

itOnEachDevice('a step allocates nothing after the first', (name) => {
  const device = getDevice(name);
  const tokenizers = letterTokenizers();
  const model = tinyTransformer(
    { device: name },
    { dModel: 32, dFf: 64, dropout: 0.1, attentionDropout: 0.1 },
  );
  const objective = new Seq2SeqObjective(model, {
    padId: tokenizers.target.specialTokens.pad,
    labelSmoothing: 0.1,
  });
  const adam = new Adam(model.namedParameters());
  const batch = makeBatch(encodePairs(reversedStrings(20, { seed: 4 }), tokenizers), tokenizers);
  const step = (): number => {
    objective.trainOn(batch, batch.targetTokens);
    adam.step(1e-3);
    model.zeroGrad();
    const { liveBytes, pooledBytes } = device.memory();
    return liveBytes + pooledBytes;
  };
  const first = step();
  expect(Array.from({ length: 5 }, step)).toEqual(Array.from({ length: 5 }, () => first));
});
