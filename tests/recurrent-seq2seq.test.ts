/**
 * Recurrent encoder–decoders that learn to say strings backwards, with and without attention (I12, I13, E17, Q33): one
 * seed of each; tests/long/recurrent-seq2seq.test.ts has three, and a Transformer beside them.
 */
import { expect, test } from 'vitest';
import { needDevice } from './support/devices.ts';
import {
  alignmentTask,
  antiDiagonalWeight,
  drawnShare,
  lengthTask,
  recurrentReversal,
  shareReversed,
} from './support/reversal-training.ts';

test.for(['bahdanau', 'luong'] as const)(
  '%s attention points at the mirrored letter: more than 0.9 of the weight on the anti-diagonal (E17)',
  { timeout: 180_000 },
  (attention, context) => {
    needDevice(context, 'native');
    const model = recurrentReversal({ attention, cell: 'gru', bidirectional: true }, alignmentTask);
    expect(drawnShare(7)).toBeLessThan(1e-6);
    expect(shareReversed(model, 7, 200)).toBeGreaterThan(0.95);
    expect(antiDiagonalWeight(model, 7, 200), 'a seventh by chance').toBeGreaterThan(0.9);
  },
);

test('without attention long strings go wrong; attention repairs them (I12, I13, Q33)', {
  timeout: 300_000,
}, (context) => {
  needDevice(context, 'native');
  const lengths = [4, 9, 14];
  const shares = (attention: 'none' | 'luong'): number[] => {
    const model = recurrentReversal({ attention, cell: 'lstm', bidirectional: false }, lengthTask);
    return lengths.map((length) => shareReversed(model, length, 150));
  };
  const [plain, attentive] = [shares('none'), shares('luong')];
  const what = JSON.stringify({ lengths, plain, attentive });
  expect(plain[0]! - plain[2]!, what).toBeGreaterThan(0.3);
  expect(plain[0]! - plain[2]!, what).toBeGreaterThan(attentive[0]! - attentive[2]! + 0.2);
  expect(attentive[2]!, what).toBeGreaterThan(plain[2]! + 0.2);
});
