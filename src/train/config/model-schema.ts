/** The `model:` section of an experiment: one schema for each architecture that can be trained. */
import { z } from 'zod';
import { type ModelKind, modelOptions } from '../../models/registry.ts';
import { tiedEmbeddings, transformerDefaults } from '../../models/transformer-config.ts';
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

const base = transformerDefaults;

const transformer = z.strictObject({
  kind: z.literal('transformer').default('transformer'),
  dModel: count.default(base.dModel),
  dFf: count.default(base.dFf),
  numHeads: count.default(base.numHeads),
  numEncoderLayers: count.max(1000).default(base.numEncoderLayers),
  numDecoderLayers: count.max(1000).default(base.numDecoderLayers),
  headDim: count.optional(),
  valueDim: count.optional(),
  dropout: rate.default(base.dropout),
  attentionDropout: rate.default(base.attentionDropout),
  activationDropout: rate.default(base.activationDropout),
  activation: names(Object.keys(activations) as (keyof typeof activations)[]).default(base.activation),
  normPlacement: z.enum(normPlacements).default(base.normPlacement),
  finalNorm: z.boolean().optional(),
  normEps: z.number().positive().default(base.normEps),
  position: variantSchema<PositionChoice>(positions).default(base.position),
  encoderPosition: variantSchema<PositionChoice>(positions).optional(),
  decoderPosition: variantSchema<PositionChoice>(positions).optional(),
  attention: variantSchema<AttentionChoice>(attentions).default(base.attention),
  encoderAttention: variantSchema<AttentionChoice>(attentions).optional(),
  decoderAttention: variantSchema<AttentionChoice>(attentions).optional(),
  crossAttention: variantSchema<AttentionChoice>(attentions).optional(),
  norm: variantSchema<NormChoice>(norms).default(base.norm),
  encoderNorm: variantSchema<NormChoice>(norms).optional(),
  decoderNorm: variantSchema<NormChoice>(norms).optional(),
  feedForward: variantSchema<FeedForwardChoice>(feedForwards).default(base.feedForward),
  scaleEmbeddings: z.boolean().default(base.scaleEmbeddings),
  tieEmbeddings: z.enum(tiedEmbeddings).default(base.tieEmbeddings),
  attentionScale: names(Object.keys(scoreScales) as (keyof typeof scoreScales)[]).default(
    base.attentionScale,
  ),
  shareLayers: z.boolean().default(base.shareLayers),
  parallelResidual: z.boolean().default(base.parallelResidual),
  stochasticDepth: rate.default(base.stochasticDepth),
  blockwise: z
    .int()
    .min(2)
    .optional()
    .describe('k: heads that also say the k - 1 tokens after the next one, for heed translate --blockwise'),
  copy: z
    .boolean()
    .default(base.copy)
    .describe('words can be copied from the source; needs a shared tokenizer and no label smoothing'),
  maxSeqLen: count.default(base.maxSeqLen),
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
