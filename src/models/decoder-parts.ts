/** What the fused decoding kernel needs of a Transformer, in the order in which it takes it. */
import type { Tensor } from '../core/tensor.ts';
import type { AttentionLayer } from '../nn/attention/layer.ts';
import { MultiHeadAttention } from '../nn/attention/multi-head.ts';
import type { Embedding } from '../nn/embedding.ts';
import { FeedForward } from '../nn/feed-forwards/feed-forward.ts';
import { Linear, type LinearPart } from '../nn/linear.ts';
import { LayerNorm } from '../nn/norms/layer-norm.ts';
import type { Norm } from '../nn/norms/norm.ts';
import type { Position, Rotation } from '../nn/position/position.ts';
import type { Activation } from '../ops/activate/index.ts';
import type { DecoderLayer } from './layers.ts';
import type { Decoder } from './stacks.ts';
import type { TransformerConfig } from './transformer-config.ts';

/** Keys and values of a layer, of its own past and of the sources. */
interface Memory {
  readonly keys: Tensor;
  readonly values: Tensor;
  readonly memoryKeys: Tensor;
  readonly memoryValues: Tensor;
}

/** What a model with a decoder has. */
export interface DecoderModel {
  readonly config: TransformerConfig;
  readonly training: boolean;
  readonly targetEmbedding: Embedding;
  readonly targetPosition: Position;
  readonly decoder: Decoder;
  readonly projection: Linear | null;
}

export interface DecoderParts {
  readonly embedding: Tensor;
  readonly embeddingScale: number;
  /** Vectors that are added, `[maxSeqLen, C]`, or null. */
  readonly positions: Tensor | null;
  /** By what queries and keys of self-attention are turned, or null. */
  readonly rotation: Rotation | null;
  readonly projection: Tensor;
  /** Those that are multiplied in a step, the projection among them. */
  readonly weights: readonly Tensor[];
  readonly finalNorm: readonly (Tensor | null)[];
  readonly normEps: number;
  readonly attentionScale: number;
  readonly numHeads: number;
  readonly keyWidth: number;
  readonly valueWidth: number;
  readonly dModel: number;
  readonly dFf: number;
  readonly activation: Activation;
  readonly isPreNorm: boolean;
  /** The tensors of each layer with its caches put in. */
  readonly layers: readonly ((memory: Memory) => readonly (Tensor | null)[])[];
}

const affine = ({ weight, bias }: Linear | LinearPart): (Tensor | null)[] => [weight, bias];
const norm = ({ weight, bias }: LayerNorm): Tensor[] => [weight, bias];

/** A layer whose every part the kernel knows. */
interface PlainLayer {
  readonly selfAttention: MultiHeadAttention;
  readonly crossAttention: MultiHeadAttention;
  readonly feedForward: FeedForward;
  /** Of self-attention, of cross-attention, and of the feed-forward network. */
  readonly norms: readonly [LayerNorm, LayerNorm, LayerNorm];
}

/** The parts; undefined when a layer is of a kind that the kernel does not know. */
export function decoderParts(model: DecoderModel): DecoderParts | undefined {
  const { config, targetEmbedding, targetPosition, decoder } = model;
  const { addend, rotation } = targetPosition;
  const layers = decoder.layers.map(plainLayer);
  const first = layers[0];
  const placement = config.normPlacement;
  const output = model.projection ?? targetEmbedding;
  if ((addend === undefined && !rotation) || !first || !layers.every(isKnown) || placement === 'deep')
    return undefined;
  const isWhole = ({ selfAttention: self, crossAttention: cross }: PlainLayer): boolean =>
    self.numHeads === config.numHeads && cross.numHeads === config.numHeads;
  if (!layers.every(isWhole)) return undefined;
  if (output.quantized || targetEmbedding.quantized || !(decoder.norm === null || isLayerNorm(decoder.norm)))
    return undefined;
  const { selfAttention, feedForward } = first;
  return {
    embedding: targetEmbedding.weight,
    embeddingScale: targetEmbedding.scale,
    positions: addend ?? null,
    rotation,
    projection: output.weight,
    weights: [output.weight, ...layers.flatMap((layer) => multiplied(layer))],
    finalNorm: decoder.norm ? norm(decoder.norm) : [null, null],
    normEps: config.normEps,
    attentionScale: selfAttention.scale,
    numHeads: config.numHeads,
    keyWidth: selfAttention.headDim,
    valueWidth: selfAttention.valueDim,
    dModel: config.dModel,
    dFf: feedForward.inner.weight.shape[0]!,
    activation: config.activation,
    isPreNorm: placement === 'pre',
    layers: layers.map(layerTensors),
  };
}

const isKnown = (layer: PlainLayer | undefined): layer is PlainLayer => layer !== undefined;
const isLayerNorm = (norm: Norm): norm is LayerNorm => norm.constructor === LayerNorm;
const isPlainLinear = (linear: Linear | LinearPart): boolean =>
  linear instanceof Linear && linear.constructor === Linear && !linear.quantized;

function plainLayer(layer: DecoderLayer): PlainLayer | undefined {
  const { selfAttention, crossAttention, feedForward, residuals } = layer;
  const norms = residuals.map((residual) => residual.norm);
  if (!isPlainAttention(selfAttention) || !isPlainAttention(crossAttention)) return undefined;
  if (!(feedForward instanceof FeedForward) || feedForward.constructor !== FeedForward) return undefined;
  const isOneByOne = norms.length === 3; // not side by side in a single connection
  if (!isOneByOne || !norms.every(isLayerNorm)) return undefined;
  if (![feedForward.inner, feedForward.outer].every(isPlainLinear)) return undefined;
  return { selfAttention, crossAttention, feedForward, norms: norms as unknown as PlainLayer['norms'] };
}

function isPlainAttention(attention: AttentionLayer): attention is MultiHeadAttention {
  if (!(attention instanceof MultiHeadAttention && attention.isPlain)) return false;
  const { query, key, value, output } = attention;
  return [query, key, value, output].every(isPlainLinear);
}

function multiplied({ selfAttention, crossAttention, feedForward }: PlainLayer): Tensor[] {
  const { query, key, value, output } = selfAttention;
  const linears = [query, key, value, output, crossAttention.query, crossAttention.output];
  return [...linears, feedForward.inner, feedForward.outer].map(({ weight }) => weight);
}

/** As `decoder_layer` in native/kernels/decoder_step.h. */
function layerTensors({ selfAttention, crossAttention, feedForward, norms }: PlainLayer) {
  return ({ keys, values, memoryKeys, memoryValues }: Memory): (Tensor | null)[] => [
    ...norm(norms[0]),
    ...affine(selfAttention.query),
    ...affine(selfAttention.key),
    ...affine(selfAttention.value),
    ...affine(selfAttention.output),
    keys,
    values,
    ...norm(norms[1]),
    ...affine(crossAttention.query),
    ...affine(crossAttention.output),
    memoryKeys,
    memoryValues,
    ...norm(norms[2]),
    ...affine(feedForward.inner),
    ...affine(feedForward.outer),
  ];
}
