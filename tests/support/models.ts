/** Tiny Transformers and batches for tests. */
import {
  backward,
  crossEntropy,
  full,
  Random,
  type Tensor,
  Transformer,
  type TransformerConfig,
} from '../../src/index.ts';
import { type Mask, paddingMask } from '../../src/nn/attention/masks.ts';
import type { Module } from '../../src/nn/module.ts';
import { idTensor } from './numbers.ts';

export const PAD = 0;

const tiny = {
  sourceVocabSize: 9,
  targetVocabSize: 9,
  dModel: 8,
  dFf: 10,
  numHeads: 2,
  numEncoderLayers: 2,
  numDecoderLayers: 2,
  maxSeqLen: 16,
  dropout: 0,
  paddingId: PAD,
} as const;

/** A smooth activation, for central differences; a gated network has one of its own. */
function smooth({ feedForward = 'mlp' }: Partial<TransformerConfig>): Partial<TransformerConfig> {
  const kind = typeof feedForward === 'string' ? feedForward : feedForward.kind;
  const expert =
    typeof feedForward === 'object' && feedForward.kind === 'moe' ? feedForward.expert : undefined;
  const network = expert ?? (kind === 'moe' ? 'mlp' : kind);
  return network === 'mlp' ? { activation: 'gelu' } : {};
}

/** A model whose every parameter is drawn, biases and gains too, so that none hides behind 0 or 1. */
export function tinyModel(
  config: Partial<TransformerConfig> = {},
  device = 'reference',
  seed = 3,
): Transformer {
  const model = new Transformer(
    { ...tiny, ...smooth(config), ...config },
    { random: new Random(seed, 'init'), device },
  );
  return disturb(model, seed);
}

/** Adds N(0, 0.3²) to every parameter but the padding rows of embeddings. */
export function disturb<M extends Module>(module: M, seed: number): M {
  const random = new Random(seed, 'disturb');
  for (const [path, parameter] of module.namedParameters()) {
    const first = /Embedding\.weight$/.test(path) ? parameter.shape[1]! : 0;
    for (let i = first; i < parameter.size; i++) parameter.data[i]! += 0.3 * random.normal();
  }
  return module;
}

export interface Batch {
  /** Rows of equal length; `PAD` is padding. */
  readonly source: readonly (readonly number[])[];
  readonly target: readonly (readonly number[])[];
  readonly labels: readonly (readonly number[])[];
}

/** Two pairs of different lengths, padded right. */
export const padded: Batch = {
  source: [
    [3, 5, 4, 8],
    [7, 2, PAD, PAD],
  ],
  target: [
    [1, 6, 4],
    [1, 3, PAD],
  ],
  labels: [
    [6, 4, 2],
    [3, 2, PAD],
  ],
};

/** The padding mask of rows, where one is needed. */
export function maskOf(rows: readonly (readonly number[])[], device: string): Mask {
  const tokens = idTensor(rows, device);
  const isToken = Array.from(tokens.data, (id) => id !== PAD);
  return paddingMask(isToken, rows.length, rows[0]!.length, { device: tokens.device });
}

/** Logits `[B, T, V]` of a batch, padding masked in source and target. */
export function logitsOf(model: Transformer, { source, target }: Omit<Batch, 'labels'>): Tensor {
  const device = model.sourceEmbedding.weight.device.name;
  return model.forward(
    idTensor(source, device),
    idTensor(target, device),
    maskOf(source, device),
    maskOf(target, device),
  );
}

/** The losses `[B, T]` of a batch, 0 at padding. */
export function lossesOf(model: Transformer, batch: Batch, labelSmoothing = 0): Tensor {
  const device = model.sourceEmbedding.weight.device.name;
  const logits = logitsOf(model, batch);
  return crossEntropy(logits, idTensor(batch.labels, device), { labelSmoothing, ignoreIndex: PAD });
}

/** Number of labels that are tokens. */
export function labelCount({ labels }: Batch): number {
  return labels.flat().filter((id) => id !== PAD).length;
}

/** Mean loss over real labels, and the gradient of every parameter by name. */
export function trainOn(
  model: Transformer,
  batch: Batch,
  labelSmoothing = 0,
): { loss: number; gradients: Map<string, Float64Array> } {
  model.zeroGrad();
  const losses = lossesOf(model, batch, labelSmoothing);
  const count = labelCount(batch);
  const loss = Array.from(losses.data).reduce((total, value) => total + value, 0) / count;
  backward(losses, { grad: full(losses.shape, 1 / count, { device: losses.device }) });
  return { loss, gradients: gradientsOf(model) };
}

/** Gradients of the parameters that have one. */
export function gradientsOf(module: Module): Map<string, Float64Array> {
  return new Map(
    module
      .namedParameters()
      .filter(([, parameter]) => parameter.grad !== undefined)
      .map(([path, parameter]) => [path, Float64Array.from(parameter.grad!.data)]),
  );
}
