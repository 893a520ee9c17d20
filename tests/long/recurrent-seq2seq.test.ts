/**
 * Strings said backwards by recurrent models with and without attention and by a Transformer, three seeds each: what
 * attention points at (inventory E17), and how the share of right strings falls with their length (I12, I13, Q33).
 */
import { describe, expect, test } from 'vitest';
import type { EncoderDecoder } from '../../src/models/encoder-decoder.ts';
import { needDevice } from '../support/devices.ts';
import {
  alignmentTask,
  antiDiagonalWeight,
  drawnShare,
  lengthTask,
  recurrentReversal,
  shareReversed,
  trainOnReversal,
} from '../support/reversal-training.ts';
import { tinyTransformer } from '../support/reversed-strings.ts';

const seeds = [1, 2, 3];
const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;
const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;

describe('what attention points at (E17)', () => {
  const LENGTH = 7;
  const gru = { cell: 'gru', bidirectional: true } as const;

  test('more than 0.9 of the weight lies on the anti-diagonal, and more strings come right than from one vector', (context) => {
    needDevice(context, 'native');
    const blind = seeds.map((seed) =>
      shareReversed(recurrentReversal({ ...gru, attention: 'none' }, alignmentTask, seed), LENGTH, 200),
    );
    console.log(
      `right strings of ${LENGTH} letters, seeds ${seeds.join(', ')}; by chance ${(100 * drawnShare(LENGTH)).toFixed(5)} %`,
    );
    console.log(`without attention: ${blind.map(percent).join(', ')}`);
    for (const attention of ['bahdanau', 'luong'] as const) {
      const found = seeds.map((seed) => {
        const model = recurrentReversal({ ...gru, attention }, alignmentTask, seed);
        const share = shareReversed(model, LENGTH, 200);
        return { share, weight: antiDiagonalWeight(model, LENGTH, 200) };
      });
      const figures = found.map(({ share, weight }) => `${percent(share)} (${weight.toFixed(3)})`);
      console.log(
        `${attention}: ${figures.join(', ')}, in brackets the weight on the anti-diagonal; by chance ${(1 / LENGTH).toFixed(3)}`,
      );
      for (const { share, weight } of found) {
        expect(weight).toBeGreaterThan(0.9);
        expect(share).toBeGreaterThan(0.95);
        expect(share).toBeGreaterThan(drawnShare(LENGTH) + 0.9);
        expect(share).toBeGreaterThan(Math.max(...blind) + 0.1);
      }
    }
  });
});

describe('right strings by their length (I12, I13, Q33)', () => {
  const lengths = [4, 9, 14];
  const lstm = { cell: 'lstm', bidirectional: false } as const;
  const sizes = { dModel: 64, dFf: 128, numHeads: 4, normPlacement: 'pre' } as const;
  const arms: Readonly<Record<string, (seed: number) => EncoderDecoder>> = {
    'one context vector (I12)': (seed) => recurrentReversal({ ...lstm, attention: 'none' }, lengthTask, seed),
    'attention (I13)': (seed) => recurrentReversal({ ...lstm, attention: 'luong' }, lengthTask, seed),
    'Transformer (I3)': (seed) =>
      trainOnReversal(tinyTransformer({ device: 'native', seed }, sizes), lengthTask, seed),
  };

  test('falls with one context vector; attention, recurrent or not, repairs it', (context) => {
    needDevice(context, 'native');
    console.log(
      `right strings of ${lengths.join(', ')} letters; by chance ${lengths.map((n) => `${(100 * drawnShare(n)).toPrecision(1)} %`).join(', ')}`,
    );
    const shares = Object.entries(arms).map(([name, trained]) => {
      const all = seeds.map((seed) => {
        const model = trained(seed);
        return lengths.map((length) => shareReversed(model, length, 150));
      });
      for (const [i, own] of all.entries())
        console.log(`${name}, seed ${seeds[i]}: ${own.map(percent).join(', ')}`);
      return all;
    });
    const fall = ([short, , long]: readonly number[]): number => short! - long!;
    const [vector, attentive, transformer] = shares as [number[][], number[][], number[][]];
    for (const own of vector) expect(fall(own)).toBeGreaterThan(0.3);
    for (const repaired of [attentive, transformer]) {
      expect(mean(repaired.map(fall))).toBeLessThan(mean(vector.map(fall)) - 0.2);
      const longest = repaired.map((own) => own[2]!);
      expect(Math.min(...longest)).toBeGreaterThan(Math.max(...vector.map((own) => own[2]!)) + 0.2);
    }
  });
});
