/** The guided loss on the Transformer's attention between two texts (issue: guided-attention loss; E18). */
import { describe, expect, it, test } from 'vitest';
import {
  type AttentionChoice,
  add,
  backward,
  capture,
  collectAuxiliary,
  countOps,
  mul,
  noGrad,
  scale,
  scope,
  sum,
  type Tensor,
  type Transformer,
  type TransformerConfig,
} from '../src/index.ts';
import { itOnEachDevice, needDevice, roundingOf } from './support/devices.ts';
import { DIFFERENCE_NOISE, finiteDifferences } from './support/finite-differences.ts';
import { tinyModel } from './support/models.ts';
import { expectNear, gradientOf } from './support/numbers.ts';
import {
  encodePairs,
  letterTokenizers,
  reversedStrings,
  tinyTransformer,
} from './support/reversed-strings.ts';
import { trainOnPairs } from './support/train-pairs.ts';

type Pairs = readonly { readonly source: readonly number[]; readonly target: readonly number[] }[];

const twoPairs: Pairs = [
  { source: [3, 1, 4, 1], target: [2, 7, 1] },
  { source: [5, 6], target: [1, 4, 1, 4, 2] },
];
const packed = (rows: readonly (readonly number[])[]) => ({
  ids: Int32Array.from(rows.flat()),
  lengths: rows.map(({ length }) => length),
});
const ofBatch = (model: Transformer, batch: Pairs): Tensor =>
  model.forwardPacked(packed(batch.map(({ source }) => source)), packed(batch.map(({ target }) => target)));

/** A loss of the logits with what the model's attention contributes, as training adds them up. */
function trainingLoss(model: Transformer, batch: Pairs): Tensor {
  const { result, auxiliary } = collectAuxiliary(() => ofBatch(model, batch));
  return auxiliary.losses.reduce((total, loss) => add(total, loss), scale(sum(mul(result, result)), 0.05));
}

const guided = { guidedWeight: 3, guidedWidth: 0.3 } as const;
const choices: readonly Exclude<AttentionChoice, string>[] = [
  { kind: 'multi-head', ...guided },
  { kind: 'multi-head', ...guided, numKvHeads: 1, softCap: 2, talkingHeads: true },
  { kind: 'talking-heads', ...guided },
];
const sizes: Partial<TransformerConfig> = { dModel: 4, dFf: 5, numEncoderLayers: 1, numDecoderLayers: 2 };

describe('the guided loss of cross-attention (E18)', () => {
  itOnEachDevice('is Σ W A over the places of each pair, the mean over heads, in every layer', (device) => {
    for (const crossAttention of choices) {
      const [plain, whole] = [{ ...crossAttention, guidedWeight: 0, guidedWidth: 0.2 }, crossAttention].map(
        (choice) => {
          const model = tinyModel({ ...sizes, crossAttention: choice }, device);
          return scope(() => trainingLoss(model, twoPairs).item());
        },
      );
      const model = tinyModel({ ...sizes, crossAttention }, device);
      let [cost, places] = [0, 0];
      for (const pair of twoPairs) {
        const [T, S] = [pair.target.length, pair.source.length];
        const paths = ['decoder.layers.*.crossAttention.weights'];
        const { tensors } = noGrad(() => capture(model, paths, () => ofBatch(model, [pair])));
        expect(tensors.size).toBe(2);
        for (const weights of tensors.values()) {
          expect(weights.shape).toEqual([1, 2, T, S]);
          weights.data.forEach((weight: number, i: number) => {
            const [t, s] = [Math.floor(i / S) % T, i % S];
            cost += (weight * (1 - Math.exp(-((s / S - t / T) ** 2) / (2 * 0.3 ** 2)))) / 2;
          });
        }
        places += T * S;
      }
      expectNear([whole! - plain!], [(3 * cost) / places], 100 * roundingOf(device), crossAttention.kind);
    }
  });

  it('has the gradients of central differences', () => {
    for (const crossAttention of choices) {
      const model = tinyModel({ ...sizes, crossAttention });
      scope(() => backward(trainingLoss(model, twoPairs)));
      for (const [path, parameter] of model.namedParameters()) {
        if (!path.includes('crossAttention')) continue;
        const wanted = finiteDifferences(() => trainingLoss(model, twoPairs).item(), parameter);
        expectNear(gradientOf(parameter), wanted, 1e-6 + DIFFERENCE_NOISE, `${crossAttention.kind}: ${path}`);
      }
    }
  });

  it('costs nothing where it is off, in evaluation and in decoding', () => {
    const [plain, off, on] = [{}, { guidedWeight: 0 }, guided].map((options) =>
      tinyModel({ ...sizes, crossAttention: { kind: 'multi-head', ...options } }),
    );
    const work = (model: Transformer, run: (model: Transformer) => unknown) =>
      countOps(() => scope(() => void run(model))).counts.ops;
    const learning = (model: Transformer) => collectAuxiliary(() => ofBatch(model, twoPairs)).result;
    const reading = (model: Transformer) => ofBatch(model, twoPairs);
    expect(work(off!, learning)).toEqual(work(plain!, learning));
    expect(work(on!, reading)).toEqual(work(plain!, reading));
    expect(work(on!, learning)).not.toEqual(work(plain!, learning));
  });
});

/** Mean weight of the letter that stands where the output does, in strings that are copied. */
function diagonalWeight(model: Transformer, pairs: Pairs): number {
  const { bos, eos } = letterTokenizers().target.specialTokens;
  const shares = pairs.map((pair) => {
    const [source, target] = [
      [...pair.source, eos],
      [bos, ...pair.target],
    ];
    const length = source.length;
    const { tensors } = noGrad(() =>
      capture(model, ['decoder.layers.0.crossAttention.weights'], () => ofBatch(model, [{ source, target }])),
    );
    const [weights] = tensors.values();
    let sum = 0;
    for (let head = 0; head < 2; head++)
      for (let t = 0; t < length; t++) sum += weights!.data[(head * length + t) * length + t]!;
    return sum / (2 * length);
  });
  return shares.reduce((a, b) => a + b, 0) / shares.length;
}

test.for([1, 2, 3])(
  'on a task that runs in parallel the guided loss makes attention more diagonal (E18), seed %i',
  { timeout: 120_000 },
  (seed, context) => {
    needDevice(context, 'native');
    const tokenizers = letterTokenizers();
    const copies = (count: number, from: number): Pairs =>
      encodePairs(
        reversedStrings(count, { seed: from, shortest: 5, longest: 9 }).map(({ source }) => ({
          source,
          target: source,
        })),
        tokenizers,
      );
    const trained = (guidedWeight: number): number => {
      const crossAttention: AttentionChoice = { kind: 'multi-head', guidedWeight };
      const model = tinyTransformer({ device: 'native', seed }, { crossAttention, dModel: 32 });
      trainOnPairs(model, copies(1000, 8), tokenizers, 200, { training: { seed } });
      return diagonalWeight(model, copies(50, 99));
    };
    const [without, withIt] = [trained(0), trained(5)];
    // Of nine letters and the end, weights that are all the same leave about an eighth at the right one.
    const what = JSON.stringify({ without, withIt });
    expect(withIt, what).toBeGreaterThan(without + 0.1);
    expect(withIt, what).toBeGreaterThan(0.25);
  },
);
