/** Whole training steps: forward, label-smoothed loss, backward, Adam. */
import type { Device } from '../core/device.ts';
import { type Precision, withPrecision } from '../core/precision.ts';
import { scope } from '../core/scope.ts';
import { backward } from '../core/tape.ts';
import { full } from '../core/tensor.ts';
import type { TransformerConfig } from '../models/transformer-config.ts';
import { withDropoutKeys } from '../nn/dropout-keys.ts';
import type { Module } from '../nn/module.ts';
import { BatchStructure } from '../nn/source-structure.ts';
import { crossEntropy } from '../ops/cross-entropy/index.ts';
import { Adam } from '../train/adam.ts';
import { type BenchShape, benchModel, median, randomIds } from './shapes.ts';

export interface TrainFigures {
  readonly msPerStep: number;
  readonly targetTokensPerSecond: number;
  /** Most bytes in tensors at one time: weights, gradients, moments, activations. */
  readonly peakBytes: number;
  /** Most memory of the whole process, as the system counts it. */
  readonly peakProcessBytes: number;
}

/** One training step each time it is called. */
export interface TrainingStep {
  (): void;
  /** Frees the weights and their moments. */
  dispose(): void;
}

/** @param change - of the model's configuration */
export function trainingStep(
  shape: BenchShape,
  device: Device,
  precision: Precision = 'fp32',
  change: Partial<TransformerConfig> = {},
): TrainingStep {
  const model = benchModel(shape, device, change);
  const adam = new Adam(model.namedParameters());
  const { batch, sourceLength, targetLength, vocabSize } = shape;
  const source = randomIds(batch, sourceLength, vocabSize, device);
  const target = randomIds(batch, targetLength, vocabSize, device);
  const labels = randomIds(batch, targetLength, vocabSize, device);
  const structure = model.readsTrees ? binaryTrees(batch, sourceLength) : null;
  let step = 0;
  const learn = (): void =>
    withDropoutKeys(1, ++step, () =>
      scope(() => {
        const logits = model.decode(target, model.encode(source, null, 0, structure));
        const losses = crossEntropy(logits, labels, {
          labelSmoothing: 0.1,
          ignoreIndex: 0,
        });
        backward(losses, { grad: full(losses.shape, 1 / losses.size, { device }) });
      }),
    );
  const run = (): void => {
    withPrecision(precision, device, learn);
    adam.step(1e-3);
    model.zeroGrad();
  };
  return withDispose(run, model, adam);
}

/** A step that frees the weights and moments it works on. */
export function withDispose(run: () => void, model: Module, adam: Adam): TrainingStep {
  const dispose = (): void => {
    adam.dispose();
    for (const tensor of model.stateDict().values()) tensor.dispose();
  };
  return Object.assign(run, { dispose });
}

/** A tree for each text: word i hangs from word ⌊(i − 1) / 2⌋. */
function binaryTrees(batch: number, length: number): BatchStructure {
  const nodes = Array.from({ length }, (_, word) => word);
  const heads = nodes.map((word) => (word === 0 ? -1 : Math.floor((word - 1) / 2)));
  const relations = nodes.map((word) => (word === 0 ? 'root' : 'dep'));
  return new BatchStructure(Array.from({ length: batch }, () => ({ nodes, heads, relations })));
}

/** Median over `rounds` steps, after three that are not counted. */
export function benchTraining(
  shape: BenchShape,
  device: Device,
  rounds: number,
  precision: Precision = 'fp32',
): TrainFigures {
  const step = trainingStep(shape, device, precision);
  for (let i = 0; i < 3; i++) step();
  device.resetPeak();
  const times = Array.from({ length: rounds }, () => {
    const start = performance.now();
    step();
    return performance.now() - start;
  });
  const msPerStep = median(times);
  return {
    msPerStep,
    targetTokensPerSecond: (1000 * shape.batch * shape.targetLength) / msPerStep,
    peakBytes: device.memory().peakBytes,
    peakProcessBytes: process.resourceUsage().maxRSS * 1024,
  };
}
