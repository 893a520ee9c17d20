/** What any right training beyond teacher forcing does; each check throws when it does not. */
import { expect } from 'vitest';
import {
  backward,
  full,
  noGrad,
  type PackedSequences,
  Random,
  scope,
  type Transformer,
} from '../../../src/index.ts';
import { withDropoutKeys } from '../../../src/nn/dropout-keys.ts';
import { reinforce } from '../../../src/train/objectives/reinforce.ts';
import { mixGuesses } from '../../../src/train/objectives/scheduled-sampling.ts';
import { TrainingObjective } from '../../../src/train/objectives/training-objective.ts';
import { makeBatch } from '../../../src/train/seq2seq.ts';
import { gradientsOf } from '../models.ts';
import { encodePairs, letterTokenizers, reversedStrings, tinyTransformer } from '../reversed-strings.ts';
import { trainingWith } from '../train-pairs.ts';

const tokenizers = letterTokenizers();

function batchOf(count: number) {
  return makeBatch(encodePairs(reversedStrings(count, { shortest: 3, longest: 6 }), tokenizers), tokenizers);
}

function gradients(model: Transformer, fields: object): Map<string, Float64Array> {
  model.zeroGrad();
  model.train();
  const objective = new TrainingObjective(model, tokenizers, trainingWith(fields));
  const batch = batchOf(8);
  withDropoutKeys(1, 1, () => objective.trainOn(batch, batch.targetTokens, { step: 1, batch: 0, done: 0 }));
  return gradientsOf(model);
}

/** Gradients with a share of 0 are those without scheduled sampling, bit for bit; with a share they are not. */
export function shareOfZeroChangesNothing(): void {
  const model = tinyTransformer({}, { dropout: 0.3, attentionDropout: 0.2 });
  const plain = gradients(model, {});
  const zero = gradients(model, { scheduledSampling: { schedule: 'linear', from: 0, to: 0.5 } });
  const some = gradients(model, { scheduledSampling: { schedule: 'linear', from: 0.5, to: 0.5 } });
  for (const [path, gradient] of plain) expect([...zero.get(path)!], path).toEqual([...gradient]);
  expect([...some.get('projection.weight')!]).not.toEqual([...plain.get('projection.weight')!]);
}

/** The mixture against a slow one: the likeliest next token after each right prefix, computed alone. */
export function checkedGuesses(): void {
  const model = tinyTransformer({}, { dropout: 0.3 }).train();
  const { source, input } = batchOf(60);
  const mixed = mixGuesses(model, source, input, 0.3, new Random(1, 'mix'));
  expect(model.training).toBe(true);
  const all = mixGuesses(model, source, input, 1, new Random(1, 'mix'));
  model.eval();
  let [at, from, replaced] = [0, 0, 0];
  for (let n = 0; n < input.lengths.length; n++) {
    const ids = source.ids.slice(from, (from += source.lengths[n]!));
    const own = input.ids.slice(at, at + input.lengths[n]!);
    expect([mixed.ids[at], all.ids[at]]).toEqual([own[0], own[0]]);
    for (let t = 1; t < own.length; t++) {
      const prefix = { ids: own.slice(0, t), lengths: [t] };
      const logits = noGrad(() =>
        scope(() => Array.from(model.forwardPacked({ ids, lengths: [ids.length] }, prefix).data).slice(-12)),
      );
      const guess = logits.indexOf(Math.max(...logits));
      expect(all.ids[at + t]).toBe(guess);
      expect([own[t], guess]).toContain(mixed.ids[at + t]);
      if (mixed.ids[at + t] === guess) replaced++;
    }
    at += own.length;
  }
  const places = input.ids.length - input.lengths.length;
  expect(replaced / places).toBeGreaterThan(0.2);
  expect(replaced / places).toBeLessThan(0.5);
}

const [pad, bos, eos] = [0, 2, 3];

/** A score that tells texts of up to two tokens apart. */
const reward = (tokens: readonly number[]): number =>
  tokens.reduce((sum, id, t) => sum + (id % 4) / (t + 2), 0.3);

/**
 * The mean of many drawn gradients is `∇ Σ_y P(y) r(y)` over all texts of at most two tokens, within what chance
 * allows; with the greedy text as baseline too.
 */
export function drawnGradientIsTheExactOne(draws = 80): void {
  const model = tinyTransformer({}, { targetVocabSize: 6, dModel: 4, dFf: 4, numHeads: 1 }).train();
  const ids = Int32Array.of(5, 6, eos);
  const source = { ids, lengths: [3] };
  const exact = exactGradient(model, source);
  const rows = 20;
  const repeated = {
    ids: Int32Array.from({ length: 3 * rows }, (_, i) => ids[i % 3]!),
    lengths: new Array<number>(rows).fill(3),
  };
  for (const baseline of ['none', 'selfCritical'] as const) {
    const estimates = Array.from({ length: draws }, (_, draw) => {
      model.zeroGrad();
      const limits = new Array<number>(rows).fill(2);
      const options = { ids: { bos, eos, pad }, baseline, reward, limits, seed: 3, firstStream: draw * rows };
      reinforce(model, repeated, options, 1 / rows);
      return flat(gradientsOf(model));
    });
    let [worst, moved] = [0, 0];
    for (const [i, value] of exact.entries()) {
      const own = estimates.map((estimate) => estimate[i]!);
      const mean = own.reduce((a, b) => a + b, 0) / draws;
      const variance = own.reduce((sum, x) => sum + (x - mean) ** 2, 0) / (draws - 1);
      const error = Math.sqrt(variance / draws);
      if (error < 1e-12) continue;
      moved++;
      worst = Math.max(worst, Math.abs(mean - value) / error);
    }
    expect(moved, 'parameters that move').toBeGreaterThan(100);
    expect(worst, `largest error in standard errors, baseline ${baseline}`).toBeLessThan(5);
  }
}

/** Leaves the gradient of `weight · −log P(target)`. */
function gradientOfText(
  model: Transformer,
  source: PackedSequences,
  input: PackedSequences,
  target: PackedSequences,
  weight: number,
): void {
  const losses = model.losses(source, input, target, { labelSmoothing: 0, ignoreIndex: -1 });
  backward(losses, { grad: full(losses.shape, weight, { device: model.device }) });
}

const flat = (all: ReadonlyMap<string, Float64Array>): number[] =>
  [...all.values()].flatMap((own) => [...own]);

/** `−Σ_y r(y) P(y) ∇ log P(y)`, from the loss of every text there is. */
function exactGradient(model: Transformer, source: { ids: Int32Array; lengths: number[] }): number[] {
  const every = Array.from({ length: 6 }, (_, id) => id);
  const texts = every.flatMap((first) => (first === eos ? [[eos]] : every.map((second) => [first, second])));
  let total: number[] | undefined;
  for (const labels of texts) {
    const input = { ids: Int32Array.from([bos, ...labels.slice(0, -1)]), lengths: [labels.length] };
    const target = { ids: Int32Array.from(labels), lengths: [labels.length] };
    model.zeroGrad();
    const probability = noGrad(() =>
      scope(() => {
        const losses = model.losses(source, input, target, { labelSmoothing: 0, ignoreIndex: -1 });
        return Math.exp(-Array.from(losses.data).reduce((a, b) => a + b, 0));
      }),
    );
    const said = labels.at(-1) === eos ? labels.slice(0, -1) : labels;
    gradientOfText(model, source, input, target, probability * reward(said));
    const own = flat(gradientsOf(model));
    total = total ? total.map((value, i) => value + own[i]!) : own;
  }
  return total!;
}
