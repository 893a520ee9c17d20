/** Architectures by the name that a configuration gives them. */
import { ConfigError, type ConfigIssue, suggest } from '../errors.ts';
import type { ModuleContext } from '../nn/module.ts';
import { quantize } from '../nn/quantize.ts';
import type { OptionRules } from '../nn/variants.ts';
import type { QuantizedType } from '../ops/quantized-linear/panels.ts';
import {
  ConvLanguageModel,
  type ConvLanguageModelConfig,
  convLanguageModelRules,
} from './conv-language-model.ts';
import { ConvTagger, type ConvTaggerConfig, convTaggerRules } from './conv-tagger.ts';
import { EncoderDecoder } from './encoder-decoder.ts';

import { Gpt } from './gpt.ts';
import { type GptConfig, gptDefaults, gptRules } from './gpt-config.ts';
import { CausalLanguageModel } from './language-model.ts';
import {
  MaskedLanguageModel,
  type MaskedLanguageModelConfig,
  maskedLanguageModelDefaults,
  maskedLanguageModelRules,
} from './masked-language-model.ts';
import { NonAutoregressive } from './non-autoregressive.ts';
import { type NonAutoregressiveConfig, nonAutoregressiveRules } from './non-autoregressive-config.ts';
import { RecurrentSeq2Seq } from './recurrent-seq2seq.ts';
import {
  type RecurrentSeq2SeqConfig,
  recurrentSeq2SeqClashes,
  recurrentSeq2SeqRules,
} from './recurrent-seq2seq-config.ts';
import { SegmentLanguageModel } from './segment-language-model.ts';
import {
  type SegmentLanguageModelConfig,
  segmentLanguageModelRules,
} from './segment-language-model-config.ts';
import { type SingleStackConfig, singleStackClashes } from './single-stack-config.ts';
import { TaggingModel } from './tagging-model.ts';
import { Transformer } from './transformer.ts';

import { type TransformerConfig, transformerDefaults } from './transformer-config.ts';
import { TransformerXl } from './transformer-xl.ts';
import { type TransformerXlConfig, transformerXlRules } from './transformer-xl-config.ts';

import { WindowTagger, type WindowTaggerConfig, windowTaggerRules } from './window-tagger.ts';

/** Configuration and class of each architecture; a new one is a line here and below. */
interface Kinds {
  readonly transformer: { readonly config: TransformerConfig; readonly model: Transformer };
  readonly gpt: { readonly config: GptConfig; readonly model: Gpt };
  readonly 'lstm-seq2seq': { readonly config: RecurrentSeq2SeqConfig; readonly model: RecurrentSeq2Seq };
  readonly nat: { readonly config: NonAutoregressiveConfig; readonly model: NonAutoregressive };
  readonly 'conv-lm': { readonly config: ConvLanguageModelConfig; readonly model: ConvLanguageModel };
  readonly 'segment-lm': {
    readonly config: SegmentLanguageModelConfig;
    readonly model: SegmentLanguageModel;
  };
  readonly 'masked-lm': {
    readonly config: MaskedLanguageModelConfig;
    readonly model: MaskedLanguageModel;
  };
  readonly 'transformer-xl': { readonly config: TransformerXlConfig; readonly model: TransformerXl };
  readonly 'window-tagger': { readonly config: WindowTaggerConfig; readonly model: WindowTagger };
  readonly 'conv-tagger': { readonly config: ConvTaggerConfig; readonly model: ConvTagger };
}

export type ModelKind = keyof Kinds;

const kinds: {
  readonly [K in ModelKind]: (config: Kinds[K]['config'], context: ModuleContext) => Kinds[K]['model'];
} = {
  transformer: (config, context) => new Transformer(config, context),
  gpt: (config, context) => new Gpt(config, context),
  'lstm-seq2seq': (config, context) => new RecurrentSeq2Seq(config, context),
  nat: (config, context) => new NonAutoregressive(config, context),
  'conv-lm': (config, context) => new ConvLanguageModel(config, context),
  'segment-lm': (config, context) => new SegmentLanguageModel(config, context),
  'masked-lm': (config, context) => new MaskedLanguageModel(config, context),
  'transformer-xl': (config, context) => new TransformerXl(config, context),
  'window-tagger': (config, context) => new WindowTagger(config, context),
  'conv-tagger': (config, context) => new ConvTagger(config, context),
};

/** What a kind of model learns from: pairs of texts, one running text, such a text with hidden tokens, or tagged sentences. */
export type ModelTask = 'translation' | 'language-model' | 'masked-language-model' | 'tagging';

/** The command that runs a model of each task. */
const commands: Readonly<Record<ModelTask, string>> = {
  translation: 'heed translate',
  'language-model': 'heed generate',
  'masked-language-model': 'heed fill',
  tagging: 'heed tag',
};

/** A kind that an experiment can train. */
interface TrainableKind {
  /** Rules of its fields. */
  readonly options: OptionRules;
  readonly task: ModelTask;
  /** What does not go together in a section whose every field is fine by itself. */
  readonly clashes?: (section: never) => ConfigIssue[];
}

/** A model of one stack; what the data says of it does not matter here. */
function stackKind(options: OptionRules, task: ModelTask, isCausal: boolean): TrainableKind {
  return {
    options,
    task,
    clashes: (section: SingleStackConfig) => singleStackClashes(section, isCausal),
  };
}

/** The kinds that an experiment can train with the rules of the fields of `model:`, but for the Transformer's own. */
export const modelOptions: Readonly<Record<string, TrainableKind>> = {
  'lstm-seq2seq': {
    options: recurrentSeq2SeqRules,
    task: 'translation',
    clashes: (section: RecurrentSeq2SeqConfig) => recurrentSeq2SeqClashes(section),
  },
  nat: { options: nonAutoregressiveRules, task: 'translation' },
  gpt: stackKind(gptRules, 'language-model', true),
  'masked-lm': stackKind(maskedLanguageModelRules, 'masked-language-model', false),
  'conv-lm': { options: convLanguageModelRules, task: 'language-model' },
  'segment-lm': { options: segmentLanguageModelRules, task: 'language-model' },
  'transformer-xl': { options: transformerXlRules, task: 'language-model' },
  'window-tagger': { options: windowTaggerRules, task: 'tagging' },
  'conv-tagger': { options: convTaggerRules, task: 'tagging' },
};

/** The kinds that learn from such data. */
export function kindsFor(task: ModelTask): string[] {
  const others = Object.entries(modelOptions).flatMap(([kind, entry]) => (entry.task === task ? [kind] : []));
  return task === 'translation' ? ['transformer', ...others] : others;
}

/** What a checkpoint says of its model. */
export interface ModelDescription<K extends ModelKind = ModelKind> {
  readonly kind: K;
  readonly config: Kinds[K]['config'];
  /** Element type of the weights, where they are quantised. */
  readonly quantization?: QuantizedType | undefined;
}

/**
 * Builds a model with fresh parameters.
 *
 * @throws {ConfigError} when the kind is unknown or its configuration cannot be used
 */
export function buildModel<K extends ModelKind>(
  { kind, config, quantization }: ModelDescription<K>,
  context: ModuleContext,
): Kinds[K]['model'] {
  if (!Object.hasOwn(kinds, kind)) {
    throw new ConfigError({
      where: 'model.kind',
      expected: 'a known architecture',
      got: JSON.stringify(kind),
      hint: suggest(String(kind), Object.keys(kinds)),
    });
  }
  const model = kinds[kind](config, context);
  return quantization === undefined ? model : quantize(model, { dtype: quantization });
}

/**
 * As `buildModel`, for models that read one text and write another.
 *
 * @throws {ConfigError} when the kind is of another sort
 */
export function buildEncoderDecoder(description: ModelDescription, context: ModuleContext): EncoderDecoder {
  return ofSort(EncoderDecoder, description, context, 'an encoder–decoder model', 'translation');
}

/**
 * As `buildModel`, for models that predict each token of a text from those before it.
 *
 * @throws {ConfigError} when the kind is of another sort
 */
export function buildLanguageModel(
  description: ModelDescription,
  context: ModuleContext,
): CausalLanguageModel {
  return ofSort(CausalLanguageModel, description, context, 'a language model', 'language-model');
}

/**
 * As `buildModel`, for models that say which tokens are hidden.
 *
 * @throws {ConfigError} when the kind is of another sort
 */
export function buildMaskedLanguageModel(
  description: ModelDescription,
  context: ModuleContext,
): MaskedLanguageModel {
  return ofSort(
    MaskedLanguageModel,
    description,
    context,
    'a masked language model',
    'masked-language-model',
  );
}

/**
 * As `buildModel`, for models that give each token a tag.
 *
 * @throws {ConfigError} when the kind is of another sort
 */
export function buildTaggingModel(description: ModelDescription, context: ModuleContext): TaggingModel {
  return ofSort(TaggingModel, description, context, 'a model that tags', 'tagging');
}

/** Builds a model that must be of a class. */
function ofSort<M>(
  sort: abstract new (...args: never[]) => M,
  description: ModelDescription,
  context: ModuleContext,
  expected: string,
  task: ModelTask,
): M {
  const model: unknown = buildModel(description, context);
  if (model instanceof sort) return model;
  throw wrongSort(description, expected, task);
}

function wrongSort({ kind }: ModelDescription, expected: string, task: ModelTask): ConfigError {
  const own = (Object.keys(commands) as ModelTask[]).find((other) => kindsFor(other).includes(kind));
  const runs = own ? `; this one is run by ${commands[own]}` : '';
  const hint = `such kinds are ${kindsFor(task).join(', ')}${runs}`;
  return new ConfigError({ where: 'model.kind', expected, got: `kind "${kind}"`, hint });
}

/** A description with every field of its configuration, also those that came after it was written. */
export function completed(description: ModelDescription): ModelDescription {
  const { kind } = description;
  if (kind === 'gpt') return { ...description, config: { ...gptDefaults, ...description.config } };
  if (kind === 'masked-lm')
    return { ...description, config: { ...maskedLanguageModelDefaults, ...description.config } };
  if (kind !== 'transformer') return description;
  const config = description.config as TransformerConfig;
  const finalNorm = config.finalNorm ?? config.normPlacement === 'pre';
  return { ...description, config: { ...transformerDefaults, ...config, finalNorm } } as ModelDescription;
}
