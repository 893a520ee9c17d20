/** What the fused decoding kernel needs of a Transformer, in the order in which it takes it. */
import type { Tensor } from '../core/tensor.ts';
import type { Embedding } from '../nn/embedding.ts';
import { LayerNorm } from '../nn/layer-norm.ts';
import { Linear } from '../nn/linear.ts';
import type { Position } from '../nn/position/position.ts';
import type { Activation } from '../ops/activate/index.ts';
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
  readonly projection: Tensor;
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

const affine = ({ weight, bias }: Linear): (Tensor | null)[] => [weight, bias];
const norm = ({ weight, bias }: LayerNorm): Tensor[] => [weight, bias];

/** The parts; undefined when a layer is of a kind that the kernel does not know. */
export function decoderParts(model: DecoderModel): DecoderParts | undefined {
  const { config, targetEmbedding, targetPosition, decoder } = model;
  const positions = targetPosition.addend;
  const first = decoder.layers[0];
  const output = model.projection ?? targetEmbedding;
  if (positions === undefined || !first || !decoder.layers.every(isPlain)) return undefined;
  if (output.quantized || targetEmbedding.quantized) return undefined;
  const { selfAttention, feedForward } = first;
  return {
    embedding: targetEmbedding.weight,
    embeddingScale: targetEmbedding.scale,
    positions,
    projection: output.weight,
    finalNorm: decoder.norm ? norm(decoder.norm) : [null, null],
    normEps: config.normEps,
    attentionScale: selfAttention.scale,
    numHeads: config.numHeads,
    keyWidth: selfAttention.key.weight.shape[0]! / config.numHeads,
    valueWidth: selfAttention.value.weight.shape[0]! / config.numHeads,
    dModel: config.dModel,
    dFf: feedForward.inner.weight.shape[0]!,
    activation: config.activation,
    isPreNorm: config.normPlacement === 'pre',
    layers: decoder.layers.map(layerTensors),
  };
}

type DecoderLayer = Decoder['layers'][number];

function isPlain({ selfAttention, crossAttention, feedForward, ...layer }: DecoderLayer): boolean {
  const linears = [feedForward.inner, feedForward.outer].concat(
    [selfAttention, crossAttention].flatMap(({ query, key, value, output }) => [query, key, value, output]),
  );
  const residuals = [layer.selfAttentionResidual, layer.crossAttentionResidual, layer.feedForwardResidual];
  return (
    linears.every((linear) => linear.constructor === Linear && !linear.quantized) &&
    residuals.every(({ norm }) => norm.constructor === LayerNorm)
  );
}

/** As `decoder_layer` in native/kernels/decoder_step.h. */
function layerTensors(layer: DecoderLayer) {
  const { selfAttention, crossAttention, feedForward } = layer;
  return ({ keys, values, memoryKeys, memoryValues }: Memory): (Tensor | null)[] => [
    ...norm(layer.selfAttentionResidual.norm),
    ...affine(selfAttention.query),
    ...affine(selfAttention.key),
    ...affine(selfAttention.value),
    ...affine(selfAttention.output),
    keys,
    values,
    ...norm(layer.crossAttentionResidual.norm),
    ...affine(crossAttention.query),
    ...affine(crossAttention.output),
    memoryKeys,
    memoryValues,
    ...norm(layer.feedForwardResidual.norm),
    ...affine(feedForward.inner),
    ...affine(feedForward.outer),
  ];
}
