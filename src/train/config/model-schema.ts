/** The `model:` section of an experiment: one schema for each architecture that can be trained. */
import { z } from 'zod';
import { type ModelKind, modelOptions } from '../../models/registry.ts';
import { tiedEmbeddings } from '../../models/transformer-config.ts';
import { scoreScales } from '../../nn/attention/attend.ts';
import { type AttentionChoice, attentions } from '../../nn/attention/kinds.ts';
import { type FeedForwardChoice, feedForwards } from '../../nn/feed-forwards/index.ts';
import { type NormChoice, norms } from '../../nn/norms/index.ts';
import { type PositionChoice, positions } from '../../nn/position/index.ts';
import { normPlacements } from '../../nn/residual.ts';
import type { Variants } from '../../nn/variants.ts';
import { activations } from '../../ops/activate/index.ts';
import { variantGroups, variantSchema } from './variant-schema.ts';

const count = z.int().min(1);
const rate = z.number().min(0).lt(1);
const names = <T extends string>(list: Iterable<T>) => z.enum([...list] as [T, ...T[]]);

const transformer = z.strictObject({
  kind: z.literal('transformer').default('transformer'),
  dModel: count.default(512),
  dFf: count.default(2048),
  numHeads: count.default(8),
  numEncoderLayers: count.max(1000).default(6),
  numDecoderLayers: count.max(1000).default(6),
  headDim: count.optional(),
  valueDim: count.optional(),
  dropout: rate.default(0.1),
  attentionDropout: rate.default(0),
  activationDropout: rate.default(0),
  activation: names(Object.keys(activations) as (keyof typeof activations)[]).default('relu'),
  normPlacement: z.enum(normPlacements).default('post'),
  finalNorm: z.boolean().optional(),
  normEps: z.number().positive().default(1e-5),
  position: variantSchema<PositionChoice>(positions).default('sinusoidal'),
  encoderPosition: variantSchema<PositionChoice>(positions).optional(),
  decoderPosition: variantSchema<PositionChoice>(positions).optional(),
  attention: variantSchema<AttentionChoice>(attentions).default('multi-head'),
  encoderAttention: variantSchema<AttentionChoice>(attentions).optional(),
  decoderAttention: variantSchema<AttentionChoice>(attentions).optional(),
  crossAttention: variantSchema<AttentionChoice>(attentions).optional(),
  norm: variantSchema<NormChoice>(norms).default('layer'),
  encoderNorm: variantSchema<NormChoice>(norms).optional(),
  decoderNorm: variantSchema<NormChoice>(norms).optional(),
  feedForward: variantSchema<FeedForwardChoice>(feedForwards).default('mlp'),
  scaleEmbeddings: z.boolean().default(true),
  tieEmbeddings: z.enum(tiedEmbeddings).default('none'),
  attentionScale: names(Object.keys(scoreScales) as (keyof typeof scoreScales)[]).default('sqrt'),
  shareLayers: z.boolean().default(false),
  parallelResidual: z.boolean().default(false),
  stochasticDepth: rate.default(0),
  blockwise: z
    .int()
    .min(2)
    .optional()
    .describe('k: heads that also say the k - 1 tokens after the next one, for heed translate --blockwise'),
  copy: z
    .boolean()
    .default(false)
    .describe('words can be copied from the source; needs a shared tokenizer and no label smoothing'),
  maxSeqLen: count.default(512),
});

/** What every other architecture's section has. */
export interface OtherModel {
  readonly kind: Exclude<ModelKind, 'transformer'>;
  readonly dModel: number;
  /** Absent where texts have no longest length. */
  readonly maxSeqLen?: number;
}

/** Kinds that can be trained, in the order of their schemas. */
export const modelKinds: readonly string[] = ['transformer', ...Object.keys(modelOptions)];

/** The section `model`; without a kind it is a Transformer's. */
export const modelSchema = z.union([
  transformer,
  ...(variantGroups(modelOptions) as unknown as z.ZodType<OtherModel>[]),
]);

/** The kinds that fields of the schema choose from, by path. */
export const variantFields: Readonly<Record<string, Variants>> = {
  'model.position': positions,
  'model.encoderPosition': positions,
  'model.decoderPosition': positions,
  'model.attention': attentions,
  'model.encoderAttention': attentions,
  'model.decoderAttention': attentions,
  'model.crossAttention': attentions,
  'model.norm': norms,
  'model.encoderNorm': norms,
  'model.decoderNorm': norms,
  'model.feedForward': feedForwards,
};
