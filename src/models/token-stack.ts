/** What models of one stack have in common: a token table, positions, layers and a norm at the end. */
import type { Tensor } from '../core/tensor.ts';
import type { Mask } from '../nn/attention/masks.ts';
import { Embedding } from '../nn/embedding.ts';
import type { ModuleContext } from '../nn/module.ts';
import type { Norm } from '../nn/norms/index.ts';
import { makePosition, type Position } from '../nn/position/index.ts';
import { Dropout } from '../nn/residual.ts';
import { StochasticDepth } from '../nn/stochastic-depth.ts';
import { SelfAttentionLayer } from './layers.ts';
import { type SingleStackConfig, singlePositionSizes, singleStackPlan } from './single-stack-config.ts';
import { finalNorm, type LayerStack, makeLayers } from './stacks.ts';

/** The parts, in the order in which their first values are drawn. */
export interface TokenStack extends LayerStack {
  readonly embedding: Embedding;
  readonly position: Position;
  readonly embeddingDropout: Dropout;
  readonly layers: readonly SelfAttentionLayer[];
  readonly depth: StochasticDepth;
  /** After the last layer, with pre-norm. */
  readonly norm: Norm | null;
}

/** @param isCausal - whether a token sees no later ones */
export function makeTokenStack(
  config: SingleStackConfig,
  isCausal: boolean,
  context: ModuleContext,
): TokenStack {
  const { vocabSize, dModel, dropout, stochasticDepth, initializerStd: std } = config;
  const plan = singleStackPlan(config, isCausal);
  const scale = config.scaleEmbeddings ? Math.sqrt(dModel) : 1;
  return {
    embedding: new Embedding(vocabSize, dModel, context, { std, scale }),
    position: makePosition(config.position, singlePositionSizes(config, isCausal), context),
    embeddingDropout: new Dropout(dropout),
    layers: makeLayers(plan, (layer) => new SelfAttentionLayer(layer, context)),
    depth: new StochasticDepth(stochasticDepth, plan.numLayers),
    norm: finalNorm(plan, context),
  };
}

/**
 * Token vectors with their places: ids `[B, T]` to `[B, T, C]`.
 *
 * @param start - place of the first token
 */
export function embedTokens(
  { embedding, position, embeddingDropout }: TokenStack,
  ids: Tensor,
  start = 0,
  mask: Mask | null = null,
): Tensor {
  return embeddingDropout.forward(position.forward(embedding.forward(ids), start, mask));
}
