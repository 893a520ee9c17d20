/** What the fused decoding kernel needs of a Transformer, in the order in which it takes it. */
import type { Tensor } from '../core/tensor.ts';
import type { AttentionLayer } from '../nn/attention/layer.ts';
import { MultiHeadAttention } from '../nn/attention/multi-head.ts';
import type { Embedding } from '../nn/embedding.ts';
import { FeedForward } from '../nn/feed-forwards/feed-forward.ts';
import { GatedFeedForward } from '../nn/feed-forwards/gated.ts';
import type { FeedForwardLayer } from '../nn/feed-forwards/layer.ts';
import { Linear, type LinearPart } from '../nn/linear.ts';
import { LayerNorm } from '../nn/norms/layer-norm.ts';
import type { Norm } from '../nn/norms/norm.ts';
import { RmsNorm } from '../nn/norms/rms-norm.ts';
import type { Position, Rotation } from '../nn/position/position.ts';
import type { WeightModule } from '../nn/weight-module.ts';
import type { Activation } from '../ops/activate/index.ts';
import type { DecoderLayer } from './layers.ts';
import type { Decoder } from './stacks.ts';
import type { TransformerConfig } from './transformer-config.ts';

/** A tensor, or a part of one. */
export type Stored = Pick<Tensor, 'data'>;

/** Keys and values of a layer, of its own past and of the sources. */
export interface LayerMemory {
  readonly keys: Stored;
  readonly values: Stored;
  readonly memoryKeys: Stored;
  readonly memoryValues: Stored;
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
  readonly embedding: Embedding;
  /** Vectors that are added, `[maxSeqLen, C]`, or null. */
  readonly positions: Tensor | null;
  /** By what queries and keys of self-attention are turned, or null. */
  readonly rotation: Rotation | null;
  /** Numbers or codes, and scales of codes or null. */
  readonly projection: readonly [Tensor, Tensor | null];
  readonly vocabSize: number;
  /** Of the codes of every weight; 0 where weights are numbers. */
  readonly bits: 0 | 4 | 8;
  /** Weights that are multiplied in a step, the projection among them; none where they are codes. */
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
  readonly isGated: boolean;
  readonly isPreNorm: boolean;
  /** The tensors of each layer with its caches put in. */
  readonly layers: readonly ((memory: LayerMemory) => readonly (Stored | null)[])[];
}

type KnownNorm = LayerNorm | RmsNorm;
type KnownFeedForward = FeedForward | GatedFeedForward;

/** The weight as numbers or codes, and the scales of codes. */
function matrix({ weight, quantized }: WeightModule): [Tensor, Tensor | null] {
  return quantized ? [quantized.codes, quantized.scales] : [weight, null];
}

/** As `affine` in native/kernels/decoder_step.h. */
function affine(linear: Linear): (Tensor | null)[] {
  const [weight, scales] = matrix(linear);
  return [weight, linear.bias, scales];
}

const norm = (norm: KnownNorm): (Tensor | null)[] => [
  norm.weight,
  norm instanceof LayerNorm ? norm.bias : null,
];

/** Attention whose projections are matrices of their own. */
type PlainAttention = MultiHeadAttention & Readonly<Record<'query' | 'key' | 'value', Linear>>;

/** A layer whose every part the kernel knows. */
interface PlainLayer {
  readonly selfAttention: PlainAttention;
  readonly crossAttention: PlainAttention;
  readonly feedForward: KnownFeedForward;
  /** Of self-attention, of cross-attention, and of the feed-forward network. */
  readonly norms: readonly [KnownNorm, KnownNorm, KnownNorm];
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
  const finalNorm = decoder.norm;
  if (finalNorm !== null && !isKnownNorm(finalNorm)) return undefined;
  const linears = layers.flatMap(multiplied);
  const bits = bitsOf([targetEmbedding, output, ...linears]);
  if (bits === undefined) return undefined;
  const { selfAttention, feedForward } = first;
  return {
    embedding: targetEmbedding,
    positions: addend ?? null,
    rotation,
    projection: matrix(output),
    vocabSize: output.weight.shape[0]!,
    bits,
    weights: bits === 0 ? [output, ...linears].map(({ weight }) => weight) : [],
    finalNorm: finalNorm ? norm(finalNorm) : [null, null],
    normEps: config.normEps,
    attentionScale: selfAttention.scale,
    numHeads: config.numHeads,
    keyWidth: selfAttention.headDim,
    valueWidth: selfAttention.valueDim,
    dModel: config.dModel,
    dFf: feedForward.inner.weight.shape[0]!,
    activation: feedForward.activation,
    isGated: feedForward instanceof GatedFeedForward,
    isPreNorm: placement === 'pre',
    layers: layers.map(layerTensors),
  };
}

/** Of the codes of all weights; undefined where they are not of one kind. */
function bitsOf(modules: readonly WeightModule[]): DecoderParts['bits'] | undefined {
  const kinds = new Set(modules.map(({ quantized }) => quantized?.dtype));
  if (kinds.size !== 1) return undefined;
  const [dtype] = kinds;
  return dtype === undefined ? 0 : dtype === 'int8' ? 8 : 4;
}

const isKnown = (layer: PlainLayer | undefined): layer is PlainLayer => layer !== undefined;
const isKnownNorm = (norm: Norm): norm is KnownNorm =>
  [LayerNorm, RmsNorm].includes(norm.constructor as never);
const isPlainLinear = (linear: Linear | LinearPart): linear is Linear =>
  linear instanceof Linear && linear.constructor === Linear;
const isKnownFeedForward = (network: FeedForwardLayer): network is KnownFeedForward =>
  [FeedForward, GatedFeedForward].includes(network.constructor as never);

function plainLayer(layer: DecoderLayer): PlainLayer | undefined {
  const { selfAttention, crossAttention, feedForward, residuals } = layer;
  const norms = residuals.map((residual) => residual.norm);
  if (!isPlainAttention(selfAttention) || !isPlainAttention(crossAttention)) return undefined;
  if (!isKnownFeedForward(feedForward)) return undefined;
  const isOneByOne = norms.length === 3; // not side by side in a single connection
  if (!isOneByOne || !norms.every(isKnownNorm)) return undefined;
  return { selfAttention, crossAttention, feedForward, norms: norms as unknown as PlainLayer['norms'] };
}

function isPlainAttention(attention: AttentionLayer): attention is PlainAttention {
  if (!(attention instanceof MultiHeadAttention && attention.isPlain)) return false;
  const { query, key, value, output } = attention;
  return [query, key, value, output].every(isPlainLinear);
}

function multiplied({ selfAttention, crossAttention, feedForward }: PlainLayer): Linear[] {
  const { query, key, value, output } = selfAttention;
  const linears = [query, key, value, output, crossAttention.query, crossAttention.output];
  return [...linears, ...networkOf(feedForward)];
}

/** Inner and outer weights, and the gate's. */
function networkOf(network: KnownFeedForward): Linear[] {
  const { inner, outer } = network;
  return network instanceof GatedFeedForward ? [inner, outer, network.gate] : [inner, outer];
}

/** As `decoder_layer` in native/kernels/decoder_step.h. */
function layerTensors({ selfAttention, crossAttention, feedForward, norms }: PlainLayer) {
  return ({ keys, values, memoryKeys, memoryValues }: LayerMemory): (Stored | null)[] => [
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
    ...networkOf(feedForward).flatMap(affine),
    ...(feedForward instanceof GatedFeedForward ? [] : [null, null, null]),
  ];
}
