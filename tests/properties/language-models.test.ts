/** Language models that read a text in segments: what they remember, what they do not, and how they are scored. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  cutWindows,
  orderedSegments,
  orderedWindows,
  shuffledSegments,
  slidingWindows,
  type WindowBatch,
} from '../../src/data/running-text.ts';
import { backward, crossEntropy, full, noGrad, scope, TransformerXl } from '../../src/index.ts';
import { labelsAhead, layerPredicts } from '../../src/models/segment-language-model.ts';
import { evaluateText } from '../../src/train/language-modeling.ts';
import {
  memoryEqualsOnePass,
  memoryGetsNoGradient,
  memoryReachesLayersTimesItsLength,
  segmentsAreSeparate,
  slidingCostsItsLength,
  slidingEqualsOneByOne,
} from '../support/checks/language-model.ts';
import { itOnEachDevice } from '../support/devices.ts';
import { tinySegmentModel, tinyXl, VOCAB } from '../support/language-models.ts';
import { expectNear, gradientOf, idTensor } from '../support/numbers.ts';

describe('Transformer-XL (I9)', () => {
  itOnEachDevice('with memory is one pass over the whole text', memoryEqualsOnePass);
  it('reaches the memory’s length further with every layer', memoryReachesLayersTimesItsLength);
  it('sends no gradient into earlier segments', memoryGetsNoGradient);

  it('moves every parameter', () => {
    const model = tinyXl({ tieEmbeddings: false });
    const labels = idTensor([[2, 3, 4, 5, 6]]);
    const { losses } = model.losses(idTensor([[1, 2, 3, 4, 5]]), labels, null, {
      labelSmoothing: 0,
      done: 0,
    });
    backward(losses, { grad: full(losses.shape, 1, { device: 'reference' }) });
    for (const [path, parameter] of model.namedParameters()) {
      // Softmax ignores what all keys of a query have alike.
      if (!path.endsWith('key.bias'))
        expect(
          gradientOf(parameter).some((g) => g !== 0),
          path,
        ).toBe(true);
    }
  });

  it('without memory is the model of separate segments', () => {
    const model = tinyXl({ memoryLength: 0 });
    expect(model.hasMemory).toBe(false);
    expect(model.read(idTensor([[1, 2]]), null).memory).toBeNull();
  });

  it('lists every field that cannot be used', () => {
    expect(() => new TransformerXl({ vocabSize: 0, dModel: 6, numHeads: 4, memoryLength: -1 })).toThrow(
      /vocabSize: expected .* got 0; memoryLength: expected a whole number of at least 0, got -1; numHeads: expected a divisor of dModel \(6\), got 4/,
    );
  });
});

describe('separate segments (I8)', () => {
  it('know nothing of each other', segmentsAreSeparate);

  it('layer l of n predicts until l / 2n of the training is over, the last one to the end', () => {
    const over = (done: number) => [1, 2, 3, 4].map((layer) => layerPredicts(layer, 4, done));
    expect(over(0)).toEqual([true, true, true, true]);
    expect(over(0.125)).toEqual([false, true, true, true]);
    expect(over(0.3)).toEqual([false, false, true, true]);
    expect(over(1)).toEqual([false, false, false, true]);
  });

  it('labels further on end with their segment', () => {
    const labels = idTensor([
      [1, 2, 3],
      [4, 5, 6],
    ]);
    expect([...labelsAhead(labels, 1).data]).toEqual([2, 3, -100, 5, 6, -100]);
    expect([...labelsAhead(labels, 4).data]).toEqual(Array(6).fill(-100));
  });

  it('the losses are those of every speaking layer and target, each computed alone', () => {
    const config = { numLayers: 2, numTargets: 2, intermediateLosses: true, maxSeqLen: 5 } as const;
    const model = tinySegmentModel(config);
    const [ids, labels] = [idTensor([[1, 2, 3, 4, 5]]), idTensor([[2, 3, 4, 5, 6]])];
    /** A model of the first layers, with one of the projections. */
    const alone = (layers: number, target: number): Float64Array => {
      const part = tinySegmentModel({ ...config, numLayers: layers });
      for (const [path, value] of part.namedParameters()) {
        const from = path.replace('projections.0', `projections.${target}`);
        value.data.set(model.stateDict().get(from)!.data);
      }
      const wanted = target === 0 ? labels : labelsAhead(labels, target);
      return Float64Array.from(crossEntropy(part.forward(ids), wanted).data);
    };
    const losses = (done: number) => model.losses(ids, labels, null, { labelSmoothing: 0, done }).losses.data;
    const sum = (parts: readonly (readonly [number, Float64Array])[]): number[] =>
      Array.from({ length: 5 }, (_, i) => parts.reduce((total, [w, part]) => total + w * part[i]!, 0));
    const late = [[1, alone(2, 0)] as const, [0.5, alone(2, 1)] as const];
    expectNear(losses(1), sum(late), 1e-12, 'at the end');
    expectNear(losses(0), sum([...late, [1, alone(1, 0)], [0.5, alone(1, 1)]]), 1e-12, 'at the start');
  });
});

describe('scoring a text (L4)', () => {
  it('with windows that overlap equals a loop over the labels', slidingEqualsOneByOne);
  it('costs as many times more as windows overlap', slidingCostsItsLength);

  it('a model with memory scores each label once, as one pass does', () => {
    const model = tinyXl().eval();
    const ids = Int32Array.from({ length: 18 }, (_, i) => (7 * i * i + i) % VOCAB);
    const one = evaluateText(model, ids, { length: 4, batchSize: 1 });
    const whole = noGrad(() =>
      scope(() => {
        const logits = model.forward(idTensor([[...ids.slice(0, -1)]]));
        return [...crossEntropy(logits, idTensor([[...ids.slice(1)]])).data].reduce((a, b) => a + b, 0);
      }),
    );
    expect(one.tokens).toBe(17);
    expectNear([one.nll], [whole], 1e-10, 'negative log-likelihood');
    expect(evaluateText(model, ids, { length: 4, batchSize: 3 }).tokens).toBe(17);
  });

  it('refuses a stride that skips labels, and one for a model that remembers', () => {
    const ids = Int32Array.of(1, 2, 3, 4);
    const options = { length: 2, batchSize: 1 };
    expect(() => evaluateText(tinySegmentModel(), ids, { ...options, stride: 3 })).toThrow(
      'stride: expected a whole number from 1 to the length of a window (2), got 3',
    );
    expect(() => evaluateText(tinyXl(), ids, { ...options, stride: 1 })).toThrow(
      'none for a model with memory',
    );
  });
});

const sizes = fc.record({
  length: fc.integer({ min: 1, max: 7 }),
  batchSize: fc.integer({ min: 1, max: 4 }),
});
const order = fc.record({ seed: fc.nat(99), epoch: fc.nat(5) });

function countedLabels(batches: readonly WindowBatch[]): number[] {
  return batches
    .flatMap(({ starts, length, countFrom }) =>
      starts.flatMap((start) =>
        Array.from({ length: length - countFrom }, (_, i) => start + countFrom + i + 1),
      ),
    )
    .toSorted((a, b) => a - b);
}

describe('windows', () => {
  it('for evaluation count every label once, whatever the sizes', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 40 }), sizes, fc.nat(), (tokens, size, skip) => {
        const every = Array.from({ length: Math.max(0, tokens - 1) }, (_, i) => i + 1);
        const stride = 1 + (skip % size.length);
        expect(countedLabels(slidingWindows(tokens, size, stride))).toEqual(every);
        expect(countedLabels(orderedWindows(tokens, size))).toEqual(every);
      }),
    );
  });

  it('of a model with memory go on where those before them ended', () => {
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 60 }), sizes, order, (tokens, size, when) => {
        for (const batches of [orderedSegments(tokens, size, when), orderedWindows(tokens, size)]) {
          batches.forEach(({ starts, fresh }, k) => {
            if (fresh) return;
            const before = batches[k - 1]!;
            expect(starts).toEqual(before.starts.map((start) => start + before.length));
          });
        }
      }),
    );
  });

  it('of an epoch do not overlap, stay inside the text, and differ from epoch to epoch', () => {
    fc.assert(
      fc.property(fc.integer({ min: 10, max: 90 }), sizes, order, (tokens, size, when) => {
        for (const cut of [shuffledSegments, orderedSegments]) {
          const labels = countedLabels(cut(tokens, size, when));
          expect(new Set(labels).size).toBe(labels.length);
          expect(labels.every((label) => label >= 1 && label < tokens)).toBe(true);
          expect(labels.length).toBeGreaterThan(0);
          expect(cut(tokens, size, when)).toEqual(cut(tokens, size, when));
        }
      }),
    );
    const of = (epoch: number) => shuffledSegments(900, { length: 7, batchSize: 3 }, { seed: 1, epoch });
    expect(of(0)).not.toEqual(of(1));
  });

  it('are cut with labels one place on', () => {
    const ids = Int32Array.from({ length: 9 }, (_, i) => 10 * i);
    const { inputs, labels } = cutWindows(ids, { starts: [4, 0], length: 3, countFrom: 0, fresh: true });
    expect([...inputs]).toEqual([40, 50, 60, 0, 10, 20]);
    expect([...labels]).toEqual([50, 60, 70, 10, 20, 30]);
  });
});
