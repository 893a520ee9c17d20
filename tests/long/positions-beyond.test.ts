/** What positions are worth beyond the lengths of training: every kind, two and four times as far (inventory Q27). */
import { expect, test } from 'vitest';
import { Gpt, type GptConfig, positions, Random } from '../../src/index.ts';
import { type PositionKind, treePositions } from '../../src/nn/position/index.ts';
import { evaluateText } from '../../src/train/language-modeling.ts';
import { needDevice } from '../support/devices.ts';
import { fastest, laggedText, trainOnText } from '../support/language-models.ts';

const LENGTH = 16;
const LAG = 3;
const LETTERS = 8;
const SEEDS = [1, 2, 3, 4, 5];
const chance = Math.log(LETTERS);

/** Mean loss of the labels whose places lie in the training length, beyond it up to twice, and up to four times. */
function lossesBy(position: GptConfig['position'], seed: number): number[] {
  const sizes = { vocabSize: LETTERS, maxSeqLen: 4 * LENGTH, dModel: 32, dFf: 64, numLayers: 2, numHeads: 4 };
  const still = { dropout: 0, attentionDropout: 0, initializerStd: 1 / Math.sqrt(32) };
  const random = new Random(seed, 'init');
  const model = new Gpt({ ...sizes, ...still, position }, { random, device: fastest() });
  const training = { length: LENGTH, batchSize: 16, steps: 600, learningRate: 0.004, seed };
  trainOnText(model, laggedText(40_000, LAG, seed), training);
  const heldOut = laggedText(8 * 4 * LENGTH + 1, LAG, 100 + seed);
  const { nll, tokens } = evaluateText(model, heldOut, { length: 4 * LENGTH, batchSize: 8 }).byPlace;
  const total = (values: Float64Array, from: number, to: number): number =>
    values.slice(from, to).reduce((a, b) => a + b, 0);
  const bounds = [LAG, LENGTH, 2 * LENGTH, 4 * LENGTH];
  return bounds.slice(1).map((to, i) => total(nll, bounds[i]!, to) / total(tokens, bounds[i]!, to));
}

function mean(values: readonly number[]): number {
  return values.reduce((a, b) => a + b, 0) / values.length;
}

/** Means over the seeds, of the three parts. */
function row(kind: PositionKind): readonly [within: number, twice: number, fourTimes: number] {
  const runs = SEEDS.map((seed) => lossesBy(kind as GptConfig['position'], seed));
  const [within, twice, fourTimes] = [0, 1, 2].map((part) => mean(runs.map((run) => run[part]!)));
  const figures = [within, twice, fourTimes].map((loss) => loss!.toFixed(3));
  console.log(`${kind}: ${figures.join(', ')} nats`);
  return [within!, twice!, fourTimes!];
}

test('relative positions say beyond the trained length what they say within, absolute ones do not (D2, D11, Q27)', (context) => {
  needDevice(context, 'native');
  const kinds = (Object.keys(positions) as PositionKind[]).filter((kind) => !treePositions.has(kind));
  console.log(
    `means of seeds ${SEEDS.join(', ')} within ${LENGTH} places, up to twice and four times as far; by chance ${chance.toFixed(3)} nats`,
  );
  const table = Object.fromEntries(kinds.map((kind) => [kind, row(kind)]));
  for (const absolute of ['sinusoidal', 'learned', 'grid']) {
    const [within, twice, fourTimes] = table[absolute]!;
    expect(within).toBeLessThan(0.5);
    expect(twice).toBeGreaterThan(1.5);
    expect(fourTimes).toBeGreaterThan(chance);
  }
  for (const relative of ['shaw', 'transformer-xl']) expect(table[relative]![2]).toBeLessThan(0.6);
  // Buckets and turning pairs know distances that they have seen; ALiBi names none, and loses little.
  for (const kind of ['rope', 't5']) expect(table[kind]![1]).toBeLessThan(0.8);
  expect(table.rope![2]).toBeGreaterThan(1.5);
  expect(table.alibi![2]).toBeLessThan(table.alibi![0] + 0.6);
  // A number that grows with the place says no more than the causal mask, and less the longer the text is.
  const [within, , fourTimes] = table.counting!;
  expect(Math.abs(within - table.none![0])).toBeLessThan(0.1);
  expect(fourTimes).toBeGreaterThan(within + 0.4);
});
