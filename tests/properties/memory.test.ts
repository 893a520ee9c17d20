/** Memory in training: a step takes what the step before gave back, and gradients what is not read again. */
import { describe, expect, it } from 'vitest';
import { getDevice } from '../../src/core/device.ts';
import { Random } from '../../src/core/random.ts';
import {
  add,
  backward,
  crossEntropy,
  linear,
  scale,
  scope,
  sum,
  type Tensor,
  tanh,
  tensor,
} from '../../src/index.ts';
import { Adam } from '../../src/train/adam.ts';
import { epochBatches, makeBatch, type PairBatch, Seq2SeqObjective } from '../../src/train/seq2seq.ts';
import { itOnEachDevice, needDevice, roundingOf } from '../support/devices.ts';
import { expectNear } from '../support/numbers.ts';
import {
  encodePairs,
  letterTokenizers,
  reversedStrings,
  tinyTransformer,
} from '../support/reversed-strings.ts';

/** A model in training, and a step of it: the bytes that the device has taken from the system afterwards. */
function trainingOn(name: string) {
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
  const step = (batch: PairBatch): number => {
    objective.trainOn(batch, batch.targetTokens);
    adam.step(1e-3);
    model.zeroGrad();
    const { liveBytes, pooledBytes } = device.memory();
    return liveBytes + pooledBytes;
  };
  return { tokenizers, step };
}

itOnEachDevice('a step allocates nothing after the first', (name) => {
  const { tokenizers, step } = trainingOn(name);
  const batch = makeBatch(encodePairs(reversedStrings(20, { seed: 4 }), tokenizers), tokenizers);
  const first = step(batch);
  expect(Array.from({ length: 5 }, () => step(batch))).toEqual(Array.from({ length: 5 }, () => first));
});

itOnEachDevice('batches of many shapes allocate nothing after one pass over them', (name) => {
  const { tokenizers, step } = trainingOn(name);
  const pairs = encodePairs(reversedStrings(50, { seed: 4, longest: 12 }), tokenizers);
  const cut = (maxTokens: number, epoch: number): PairBatch[] =>
    epochBatches(pairs, { maxTokens }, { seed: 1, epoch, shuffle: true }).map((places) =>
      makeBatch(
        places.map((place) => pairs[place]!),
        tokenizers,
      ),
    );
  const batches = [...cut(60, 0), ...cut(200, 1)];
  expect(new Set(batches.map(({ source }) => source.ids.length)).size).toBeGreaterThan(5);
  const grown = batches.map(step);
  expect(grown.at(-1)).toBeGreaterThan(grown[0]!);
  const random = new Random(2, 'order');
  for (let pass = 0; pass < 2; pass++) {
    const held = random.shuffle([...batches]).map(step);
    expect(held).toEqual(held.map(() => grown.at(-1)));
  }
});

const [ROWS, WIDTH, COLUMNS] = [20, 6, 4000];

/** Gradients of x and the weight behind a loss on their product. */
function gradientsOf(
  device: string,
  lossOf: (logits: Tensor, labels: Tensor) => Tensor,
  options: { readonly retain?: boolean } = {},
): { readonly gradients: number[]; readonly extraBytes: number } {
  const random = new Random(3, 'logits');
  const values = (n: number): Float64Array => Float64Array.from({ length: n }, () => random.normal());
  const [x, weight] = [
    tensor(values(ROWS * WIDTH), [ROWS, WIDTH], { device, requiresGrad: true }),
    tensor(values(COLUMNS * WIDTH), [COLUMNS, WIDTH], { device, requiresGrad: true }),
  ];
  const labels = tensor(
    Int32Array.from({ length: ROWS }, (_, i) => 31 * i),
    [ROWS],
    { dtype: 'int32', device },
  );
  const { resetPeak, memory } = getDevice(device);
  resetPeak();
  const before = memory().liveBytes;
  scope(() => backward(lossOf(linear(x, weight), labels), options));
  return {
    gradients: [...x.grad!.data, ...weight.grad!.data],
    extraBytes: memory().peakBytes - before,
  };
}

describe('the gradient of logits', () => {
  const loss = (logits: Tensor, labels: Tensor): Tensor => sum(crossEntropy(logits, labels));
  const losses: Record<string, (logits: Tensor, labels: Tensor) => Tensor> = {
    'read once': loss,
    'kept by somebody': (logits, labels) => loss(logits.keep(), labels),
    'read by another op too': (logits, labels) => add(loss(logits, labels), scale(sum(tanh(logits)), 0.01)),
    'of an op whose gradient needs them': (logits, labels) => loss(tanh(logits), labels),
  };
  for (const [name, lossOf] of Object.entries(losses)) {
    itOnEachDevice(`is right where logits are ${name}`, (device) => {
      const { gradients } = gradientsOf(device, lossOf);
      const want = gradientsOf('reference', lossOf, { retain: true }).gradients;
      expectNear(gradients, want, 100 * roundingOf(device), name);
    });
  }

  it.for(['native', 'wasm'])('takes their memory when they are read once, on %s', (device, context) => {
    needDevice(context, device);
    const logits = 4 * ROWS * COLUMNS;
    expect(gradientsOf(device, loss).extraBytes).toBeLessThan(1.9 * logits);
    expect(gradientsOf(device, losses['kept by somebody']!).extraBytes).toBeGreaterThan(1.9 * logits);
  });
});
