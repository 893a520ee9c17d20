/** Recurrent encoder–decoders that learn to say strings backwards, with and without attention (I12, I13, E17, Q33). */
import { expect, test } from 'vitest';
import { Random, RecurrentSeq2Seq, type RecurrentSeq2SeqConfig } from '../src/index.ts';
import { needDevice } from './support/devices.ts';
import {
  antiDiagonalWeight,
  type ReversalTask,
  shareReversed,
  trainOnReversal,
} from './support/reversal-training.ts';

const vocabSize = 12;

function trained(config: Partial<RecurrentSeq2SeqConfig>, task: ReversalTask): RecurrentSeq2Seq {
  const sizes = {
    sourceVocabSize: vocabSize,
    targetVocabSize: vocabSize,
    dModel: 64,
    numLayers: 1,
    dropout: 0,
  };
  const model = new RecurrentSeq2Seq(
    { ...sizes, ...config },
    { random: new Random(1, 'init'), device: 'native' },
  );
  trainOnReversal(model, task);
  return model;
}

test.for(['bahdanau', 'luong'] as const)(
  '%s attention points at the mirrored letter: more than 0.9 of the weight on the anti-diagonal (E17)',
  { timeout: 180_000 },
  (attention, context) => {
    needDevice(context, 'native');
    const task = { shortest: 3, longest: 8, count: 4000, steps: 700, learningRate: 0.005 };
    const model = trained({ attention, cell: 'gru', bidirectional: true }, task);
    expect(shareReversed(model, 7, 200)).toBeGreaterThan(0.95);
    expect(antiDiagonalWeight(model, 7, 200)).toBeGreaterThan(0.9);
  },
);

test('without attention long strings go wrong; attention repairs them (I12, I13, Q33)', {
  timeout: 300_000,
}, (context) => {
  needDevice(context, 'native');
  const task = { shortest: 2, longest: 14, count: 8000, steps: 900, learningRate: 0.005 };
  const lengths = [4, 9, 14];
  const shares = (attention: 'none' | 'luong'): number[] => {
    const model = trained({ attention, cell: 'lstm', bidirectional: false }, task);
    return lengths.map((length) => shareReversed(model, length, 150));
  };
  const [plain, attentive] = [shares('none'), shares('luong')];
  const what = JSON.stringify({ lengths, plain, attentive });
  expect(plain[0]! - plain[2]!, what).toBeGreaterThan(0.3);
  expect(plain[0]! - plain[2]!, what).toBeGreaterThan(attentive[0]! - attentive[2]! + 0.2);
  expect(attentive[2]!, what).toBeGreaterThan(plain[2]! + 0.2);
});
