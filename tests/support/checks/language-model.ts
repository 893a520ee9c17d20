/** What language models that read segments do; each check throws when it does not. */
import fc from 'fast-check';
import { expect } from 'vitest';
import {
  backward,
  type CausalLanguageModel,
  countOps,
  crossEntropy,
  full,
  noGrad,
  type SegmentMemory,
  scope,
  type TransformerXlConfig,
} from '../../../src/index.ts';
import { evaluateText, TextTrainer } from '../../../src/train/language-modeling.ts';
import { roundingOf } from '../devices.ts';
import { tinySegmentModel, tinyXl, VOCAB } from '../language-models.ts';
import { expectNear, gradientOf, idTensor, rowOf } from '../numbers.ts';

const token = fc.integer({ min: 0, max: VOCAB - 1 });
export const textsOf = (most: number): fc.Arbitrary<number[][]> =>
  fc.tuple(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 2, max: most })).chain(([count, length]) => {
    const row = fc.array(token, { minLength: length, maxLength: length });
    return fc.array(row, { minLength: count, maxLength: count });
  });

/** Logits `[B, T, V]` of a single pass. */
export function onePass(model: CausalLanguageModel, texts: readonly (readonly number[])[]): Float64Array {
  const ids = (): ReturnType<typeof idTensor> => idTensor(texts, model.device.name);
  return noGrad(() => scope(() => Float64Array.from(model.forward(ids()).data)));
}

/** Logits of the texts read segment by segment, `[B, T, V]`. */
export function inSegments(
  model: CausalLanguageModel,
  texts: readonly (readonly number[])[],
  length: number,
): Float64Array {
  const total = texts[0]!.length;
  const found = new Float64Array(texts.length * total * VOCAB);
  let memory: SegmentMemory | null = null;
  for (let from = 0; from < total; from += length) {
    const before: SegmentMemory | null = memory;
    const part = texts.map((text) => text.slice(from, from + length));
    memory = noGrad(() =>
      scope(() => {
        const read = model.read(idTensor(part, model.device.name), before);
        const own = part[0]!.length * VOCAB;
        texts.forEach((_, row) => {
          found.set(read.logits.data.subarray(row * own, (row + 1) * own), (row * total + from) * VOCAB);
        });
        return read.memory;
      }),
    );
    before?.dispose();
  }
  memory?.dispose();
  return found;
}

const xlKinds: readonly Partial<TransformerXlConfig>[] = [
  { normPlacement: 'pre' },
  { normPlacement: 'post', tieEmbeddings: false },
];

/** Segments with a memory as long as the text give the logits of one pass over all of it. */
export function memoryEqualsOnePass(device = 'reference'): void {
  const models = xlKinds.map((kind) => tinyXl(kind, device).eval());
  fc.assert(
    fc.property(
      fc.constantFrom(...models),
      textsOf(11),
      fc.integer({ min: 1, max: 5 }),
      (model, texts, length) => {
        expectNear(inSegments(model, texts, length), onePass(model, texts), roundingOf(device), 'logits');
      },
    ),
    { numRuns: 30 },
  );
}

/** With L layers a token is seen from `L · M` tokens after the end of its own segment, and from no further. */
export function memoryReachesLayersTimesItsLength(): void {
  const [layers, room, length] = [2, 3, 3];
  const model = tinyXl({ numLayers: layers, memoryLength: room }).eval();
  const text = Array.from({ length: 15 }, (_, i) => (5 * i * i + 2 * i) % VOCAB);
  const changed = text.map((id, i) => (i === 2 ? (id + 1) % VOCAB : id));
  const [a, b] = [text, changed].map((ids) => inSegments(model, [ids], length));
  for (let t = 0; t < text.length; t++) {
    const same = rowOf(a!, t, VOCAB).every((value, c) => value === rowOf(b!, t, VOCAB)[c]);
    // Its segment ends before place 3; each layer carries it one segment on.
    expect(same, `logits at ${t}`).toBe(t < 2 || t >= 3 + layers * room);
  }
}

/** The logits of a segment depend on a token of the one before, its gradient does not reach it. */
export function memoryGetsNoGradient(): void {
  const model = tinyXl({ tieEmbeddings: false });
  const [first, second] = [idTensor([[1, 2, 3]]), idTensor([[4, 5, 6]])];
  const { memory } = model.read(first, null);
  const { logits } = model.read(second, memory);
  const apart = model.forward(second);
  expect([...logits.data]).not.toEqual([...apart.data]);
  const losses = crossEntropy(logits, idTensor([[5, 6, 7]]));
  backward(losses, { grad: full(losses.shape, 1, { device: 'reference' }) });
  const gradient = gradientOf(model.embedding.weight);
  const width = model.config.dModel;
  for (let id = 0; id < VOCAB; id++) {
    const isZero = rowOf(gradient, id, width).every((g) => g === 0);
    expect(isZero, `gradient of token ${id}`).toBe(![4, 5, 6].includes(id));
  }
}

/** What stands in one window changes no loss and no gradient of another one, whatever batches they come in. */
export function segmentsAreSeparate(): void {
  const row = fc.array(token, { minLength: 5, maxLength: 5 });
  fc.assert(
    fc.property(row, row, row, (first, other, second) => {
      const learned = (texts: number[][]) => {
        const model = tinySegmentModel({ maxSeqLen: 4 });
        const ids = Int32Array.from(texts.flat());
        const trainer = new TextTrainer(model, ids, 0);
        const windows = { length: 4, countFrom: 0, fresh: true };
        const losses = texts.map((_, i) => trainer.trainOn({ starts: [5 * i], ...windows }, 1, 0).loss);
        const joint = tinySegmentModel({ maxSeqLen: 4 });
        const starts = texts.map((_, i) => 5 * i);
        const all = new TextTrainer(joint, ids, 0).trainOn({ starts, ...windows }, 1, 0).loss;
        return { model, joint, losses, all };
      };
      const [a, b] = [learned([first, second]), learned([other, second])];
      expect(a.losses[1]).toBe(b.losses[1]);
      expectNear([a.all], [a.losses[0]! + a.losses[1]!], 1e-12, 'loss of a batch');
      for (const [i, [path, value]] of a.model.namedParameters().entries()) {
        const together = a.joint.namedParameters()[i]![1];
        expectNear(gradientOf(together), gradientOf(value), 1e-9, `gradient of ${path}`);
      }
    }),
    { numRuns: 8 },
  );
}

/** Windows that overlap: each label's loss from a pass of its own, and every label once. */
export function slidingEqualsOneByOne(): void {
  const model = tinySegmentModel({ maxSeqLen: 5 }).eval();
  const sizes = fc.record({
    length: fc.integer({ min: 1, max: 5 }),
    batchSize: fc.integer({ min: 1, max: 3 }),
    skip: fc.nat(),
  });
  const text = fc.array(token, { minLength: 1, maxLength: 14 });
  fc.assert(
    fc.property(text, sizes, (values, { length, batchSize, skip }) => {
      const stride = 1 + (skip % length);
      const ids = Int32Array.from(values);
      const { nll, tokens, tokensRead } = evaluateText(model, ids, { length, batchSize, stride });
      let [wanted, read] = [0, 0];
      // The first window counts all of its labels, each one after it those of its last `stride` places.
      for (let from = 0, counted = 0; counted < values.length - 1; from += stride) {
        const end = Math.min(from + length, values.length - 1);
        const logits = onePass(model, [values.slice(from, end)]);
        for (let t = counted; t < end; t++) {
          const row = rowOf(logits, t - from, VOCAB);
          const top = Math.max(...row);
          const total = row.reduce((sum, x) => sum + Math.exp(x - top), 0);
          wanted += top + Math.log(total) - row[values[t + 1]!]!;
        }
        counted = end;
        read += end - from;
      }
      expect(tokens).toBe(values.length - 1);
      expect(tokensRead).toBe(read);
      expectNear([nll], [wanted], 1e-9, 'negative log-likelihood');
    }),
    { numRuns: 40 },
  );
}

/** The operations that run: a stride of 1 costs L times windows side by side, but for the first window. */
export function slidingCostsItsLength(): void {
  const length = 10;
  const model = tinySegmentModel({ maxSeqLen: length }).eval();
  const ids = Int32Array.from({ length: 201 }, (_, i) => (7 * i * i + i) % VOCAB);
  const cost = (text: Int32Array, stride: number): number =>
    countOps(() => evaluateText(model, text, { length, batchSize: 1, stride })).counts.flops;
  const window = cost(ids.slice(0, length + 1), length);
  expect(window).toBeGreaterThan(0);
  expect(cost(ids, length)).toBe(20 * window);
  expect(cost(ids, 1)).toBe((length * 20 - (length - 1)) * window);
  expect(cost(ids, 5)).toBe((2 * 20 - 1) * window);
}
