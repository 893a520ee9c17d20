/**
 * One YAML file describes an experiment: data, tokenizers, model, training, evaluation. This schema validates it,
 * gives its types and the JSON Schema for editors.
 */
import { z } from 'zod';
import { precisions } from '../../core/precision.ts';
import { type LengthPolicyChoice, lengthPolicies } from '../../data/length-policy.ts';
import { metrics } from '../../metrics/registry.ts';
import type { Option } from '../../tokenizers/kind.ts';
import { kinds, tokenizerKinds } from '../../tokenizers/kinds.ts';
import type { TokenizerKind } from '../../tokenizers/types.ts';
import { reinforceBaselines } from '../objectives/reinforce.ts';
import { samplingGrowths } from '../objectives/scheduled-sampling.ts';
import { scheduleNames } from '../schedules.ts';
import { modelSchema } from './model-schema.ts';
import { variantSchema } from './variant-schema.ts';

const count = z.int().min(1);
const rate = z.number().min(0).lt(1);
const share = z.number().min(0).max(1);
const names = <T extends string>(list: Iterable<T>) => z.enum([...list] as [T, ...T[]]);

const reader = z.discriminatedUnion('format', [
  z.strictObject({
    format: z.literal('parallel'),
    source: z.string().describe('file, one source text a line'),
    target: z.string().describe('file, one target text a line'),
    references: z.array(z.string()).optional().describe('files with further accepted targets'),
  }),
  z.strictObject({
    format: z.literal('conllu').describe('sources with dependency trees'),
    source: z.string().describe('CoNLL-U file, one sentence a text'),
    target: z.string().describe('file, one target text a line'),
    references: z.array(z.string()).optional().describe('files with further accepted targets'),
  }),
  z.strictObject({
    format: z.literal('tsv'),
    path: z.string(),
    source: z.int().min(0).optional().describe('column of the source, from 0'),
    target: z.int().min(0).optional(),
    references: z.union([z.literal('rest'), z.array(z.int().min(0))]).optional(),
    header: z.boolean().optional(),
  }),
  z.strictObject({
    format: z.literal('jsonl'),
    path: z.string(),
    source: z.string().optional().describe('field of the source'),
    target: z.string().optional(),
    references: z.string().optional(),
  }),
  z.strictObject({
    format: z.literal('cmudict'),
    package: z.string().describe('npm package that exports `dictionary`, word to pronunciation'),
  }),
  z.strictObject({
    format: z.literal('entities'),
    path: z.string().describe('tagged sentences: a token and its tag a line, as in CoNLL-2003'),
    type: z.string().min(1).describe('entities that the target lists: PER of B-PER'),
  }),
]);

const split = z.strictObject({
  test: z.number().min(0).max(0.9),
  validation: z.number().min(0).max(0.9),
  seed: z.int().default(1),
});

const pairs = z.strictObject({
  format: z.literal('pairs').optional().describe('sources and targets; so it is without a format'),
  folder: z.string().optional().describe('put before every path below'),
  all: reader.optional().describe('one set that is split by its sources'),
  split: split.optional(),
  train: reader.optional(),
  validation: reader.optional(),
  test: reader.optional(),
  maxTrainExamples: count.optional(),
  maxSourceLength: count.default(256).describe('tokens'),
  maxTargetLength: count.default(256).describe('tokens'),
  tooLong: variantSchema<LengthPolicyChoice>(lengthPolicies)
    .default('skip')
    .describe(
      'longer texts are left out, or keep their beginning, their end, a quarter and the rest of both, or the sentences that matter; the trained model cuts its sources alike',
    ),
  maxTokens: count
    .default(4096)
    .describe('tokens of a batch on its longer side, the longer of sources and targets'),
  maxSentences: count.optional(),
});

const text = z.strictObject({
  format: z.literal('text').describe('one running text, for a language model'),
  folder: z.string().optional().describe('put before every path below'),
  path: z.string().optional().describe('file that is split: its beginning trains, its end tests'),
  split: z
    .strictObject({
      validation: z.number().min(0).max(0.9).default(0.05),
      test: z.number().min(0).max(0.9).default(0.05),
    })
    .optional()
    .describe('shares of the file'),
  train: z.string().optional().describe('file, instead of `path`'),
  validation: z.string().optional(),
  test: z.string().optional(),
  corruption: z
    .strictObject({
      kind: z.literal('spans').default('spans'),
      rate: z.number().gt(0).lt(1).default(0.15).describe('share of the tokens that are hidden'),
      meanLength: z.number().min(1).default(3).describe('of a span, tokens'),
    })
    .optional()
    .describe('spans of the text are hidden behind <0>, <1>, …, which an encoder-decoder has to fill'),
  masking: z
    .strictObject({
      rate: z.number().gt(0).max(1).default(0.15).describe('probability that a token is hidden'),
      mask: share.default(0.8).describe('share of those that become the mask'),
      random: share.default(0.1).describe('and that become a random token; the rest stay as they are'),
    })
    .optional()
    .describe('what a masked language model has to say'),
  segmentLength: count.describe('tokens that the model reads at once'),
  batchSize: count.describe('segments of a batch; texts side by side for a model with memory'),
});

const tagged = z.strictObject({
  format: z
    .literal('conll')
    .describe('a token and its tag a line, an empty line after a sentence: for a tagger'),
  folder: z.string().optional().describe('put before every path below'),
  train: z.string(),
  validation: z.string().optional(),
  test: z.string().optional(),
  token: z.int().min(0).default(0).describe('column of the tokens, from 0'),
  tag: z.int().min(0).optional().describe('column of the tags; the last one by default'),
  maxTokens: count.default(1024).describe('tokens of a batch'),
});

const data = z.discriminatedUnion('format', [pairs, text, tagged]);

/** What the options of a tokenizer say, as a schema. */
function optionSchema(option: Option): z.ZodType {
  switch (option.type) {
    case 'count':
      return z.int().min(option.minimum);
    case 'share':
      return z.number().gt(0).lt(1);
    case 'flag':
      return z.boolean();
    case 'text':
      return z.string();
    case 'name':
      return names(option.names);
    case 'names':
      return z.array(names(option.names));
  }
}

const tokenizerKindSchema = (kind: TokenizerKind) =>
  z.strictObject({
    kind: z.literal(kind),
    ...Object.fromEntries(
      Object.entries(kinds[kind].options).map(([name, option]) => [
        name,
        optionSchema(option).optional().describe(option.about),
      ]),
    ),
  });

const [firstKind, ...otherKinds] = tokenizerKinds.map(tokenizerKindSchema);
const tokenizer = z.discriminatedUnion('kind', [firstKind!, ...otherKinds]);

const tokenizers = z.union([
  z.strictObject({ shared: tokenizer.describe('one tokenizer for source and target') }),
  z.strictObject({ source: tokenizer, target: tokenizer }),
]);

const training = z.strictObject({
  seed: z.int().default(1),
  maxSteps: count.optional(),
  maxEpochs: count.optional(),
  maxMinutes: z
    .number()
    .positive()
    .optional()
    .describe('stops by the clock; such a run is not reproducible to the bit'),
  optimizer: z.enum(['adam', 'adamw']).default('adam'),
  learningRate: z.number().positive().default(1),
  schedule: names(scheduleNames).default('paper'),
  warmupSteps: z.int().min(0).default(4000),
  finalRate: z.number().min(0).max(1).default(0),
  beta1: rate.default(0.9),
  beta2: rate.default(0.98),
  eps: z.number().positive().default(1e-9),
  weightDecay: z.number().min(0).default(0),
  clipNorm: z.number().min(0).default(0).describe('0: no clipping'),
  precision: z
    .enum(precisions)
    .default('fp32')
    .describe('of large matrix products; bf16 needs a CPU that multiplies it, sums and weights stay fp32'),
  gradAccumSteps: count.default(1),
  labelSmoothing: rate.default(0.1),
  logEvery: count.default(10).describe('steps'),
  checkpointEvery: count.default(500).describe('steps'),
  average: z
    .strictObject({ of: z.enum(['last', 'best']), count })
    .optional()
    .describe('the final model is the mean of this many checkpoints'),
  scheduledSampling: z
    .strictObject({
      schedule: names(samplingGrowths).default('linear'),
      from: share.default(0).describe('share of own guesses among the decoder inputs at the start'),
      to: share.describe('and at the end'),
    })
    .optional()
    .describe('two passes: the second one is given some guesses of the first'),
  reinforce: z
    .strictObject({
      weight: z.number().gt(0).max(1).describe('of the drawn texts; cross-entropy has the rest'),
      baseline: z.enum(reinforceBaselines).default('selfCritical'),
    })
    .optional()
    .describe('draws texts and rewards their sentence BLEU'),
  earlyStopping: z.strictObject({ patience: count }).optional().describe('validations without improvement'),
});

const decoding = {
  beamSize: count.max(1000).default(1),
  lengthPenalty: z.number().min(0).default(0.6),
  maxExamples: count.optional(),
  metrics: z.array(names(metrics.keys())).default([]),
  lowercase: z.boolean().optional(),
  tokenize: z.enum(['13a', 'none', 'char', 'zh', 'intl']).optional().describe('for BLEU'),
  normalizeReferences: z
    .boolean()
    .optional()
    .describe(
      'references pass through the target tokenizer as outputs do: for data that is cut into pieces already',
    ),
};

const evaluation = z.strictObject({
  every: count.default(500).describe('steps between validations'),
  ...decoding,
  stride: count
    .optional()
    .describe(
      'tokens from one window of the test text to the next, which overlap then; side by side by default',
    ),
  selectBy: z.string().default('loss').describe('loss, or one of the metrics'),
  test: z.strictObject(decoding).optional(),
  labels: z
    .record(z.string(), z.string())
    .default({})
    .describe('other names for metrics in logs and results, as { ser: wer } where an item is a word'),
  samples: z.int().min(0).default(10),
});

/** The schema of an experiment. */
export const experimentSchema = z.strictObject({
  name: z.string().regex(/^[\w.-]+$/, 'letters, digits, dot, dash and underscore only'),
  description: z.string().optional(),
  data,
  tokenizer: tokenizers,
  model: modelSchema,
  training,
  evaluation: evaluation.prefault({}),
  published: z
    .array(z.strictObject({ name: z.string(), value: z.number(), note: z.string().optional() }))
    .default([])
    .describe('numbers from the literature, printed beside the result'),
});

/** A valid experiment with every default filled in. */
export type Experiment = z.output<typeof experimentSchema>;
/** Pairs of texts. */
export type DataSection = z.output<typeof pairs>;
/** One running text. */
export type TextSection = z.output<typeof text>;
/** Tagged sentences. */
export type TaggingSection = z.output<typeof tagged>;
/** An experiment on pairs of texts. */
export type PairExperiment = Experiment & { readonly data: DataSection };
/** An experiment on one running text. */
export type TextExperiment = Experiment & { readonly data: TextSection };

/** An experiment on tagged sentences. */
export type TaggingExperiment = Experiment & { readonly data: TaggingSection };

/** Whether an experiment trains on pairs of texts. */
export function isPairExperiment(experiment: Experiment): experiment is PairExperiment {
  return !isTextExperiment(experiment) && !isTaggingExperiment(experiment);
}

/** Whether an experiment trains a tagger. */
export function isTaggingExperiment(experiment: Experiment): experiment is TaggingExperiment {
  return experiment.data.format === 'conll';
}

/** Whether an experiment trains a language model on one running text. */
export function isTextExperiment(experiment: Experiment): experiment is TextExperiment {
  return experiment.data.format === 'text';
}

export type ReaderSection = z.output<typeof reader>;
export type DecodingSection = Pick<Experiment['evaluation'], keyof typeof decoding>;
export type TokenizerSection = z.output<typeof tokenizer>;
