/** A trained model from its folder, ready to use. */
import { defaultDevice } from '../core/device.ts';
import type { SourceText } from '../data/source-text.ts';
import { FormatError } from '../errors.ts';
import { Tagger } from '../generate/tagger.ts';
import { TextGenerator } from '../generate/text-generator.ts';
import {
  type Tokenizers,
  type TranslateOptions,
  type Translation,
  Translator,
} from '../generate/translator.ts';
import type { EncoderDecoder } from '../models/encoder-decoder.ts';
import type { MaskedLanguageModel } from '../models/masked-language-model.ts';
import {
  buildEncoderDecoder,
  buildLanguageModel,
  buildMaskedLanguageModel,
  buildModel,
  buildTaggingModel,
  type ModelDescription,
} from '../models/registry.ts';
import type { Module, ModuleContext } from '../nn/module.ts';
import type { Tokenizer } from '../tokenizers/types.ts';
import { type Checkpoint, type CheckpointFacts, findModel, restoreModel } from './checkpoint.ts';

/** How a model is loaded. */
export interface LoadOptions {
  /** Name of a device; the best one that is available by default. */
  readonly device?: string;
  /** Refuses to fall back to an older checkpoint when the newest is damaged. */
  readonly strict?: boolean;
  /** Is told about checkpoints that could not be used. */
  readonly onNote?: (text: string) => void;
}

/** A trained model with its tokenizers. */
export class LoadedModel {
  readonly translator: Translator;
  /** Configuration and tokenizers as they were saved. */
  readonly facts: CheckpointFacts;
  /** Folder that it came from. */
  readonly path: string;

  constructor(translator: Translator, facts: CheckpointFacts, path: string) {
    this.translator = translator;
    this.facts = facts;
    this.path = path;
  }

  get model(): EncoderDecoder {
    return this.translator.model;
  }

  /**
   * Translates texts; see `Translator.translate`.
   *
   * @returns text, tokens, score, n-best list and, when asked for, alignment of each text
   * @example
   * const [{ text }] = await model.translate(['attention'], { beamSize: 4, alignments: true });
   */
  async translate(texts: readonly SourceText[], options: TranslateOptions = {}): Promise<Translation[]> {
    return this.translator.translate(texts, options);
  }
}

/** A model as it lies in a folder. */
export interface StoredModel<M extends Module = Module> {
  readonly model: M;
  readonly tokenizers: Tokenizers;
  readonly checkpoint: Checkpoint;
}

/** The newest model of a folder that can be used, with notes on those that cannot. */
function load<M extends Module>(
  path: string,
  options: LoadOptions,
  build: (description: ModelDescription, context: ModuleContext) => M,
): StoredModel<M> {
  const { checkpoint, damaged } = findModel(path);
  for (const { problem, path: bad } of damaged) {
    if (options.strict) {
      throw new FormatError({
        where: 'strict',
        file: bad,
        problem,
        hint: `without strict, ${checkpoint.path} would be used`,
        code: 'E_STRICT',
      });
    }
    options.onNote?.(`${problem}; using ${checkpoint.path}`);
  }
  const restored = restoreModel(checkpoint, options.device ?? defaultDevice().name, build);
  return { ...restored, checkpoint };
}

/**
 * Loads whatever model a run folder (or a checkpoint inside it) has.
 *
 * @throws {FormatError} as `loadModel`
 */
export function loadStored(path: string, options: LoadOptions = {}): StoredModel {
  return load<Module>(path, options, buildModel);
}

/**
 * Loads the model of a run folder (or of a checkpoint inside it).
 *
 * @param path - `runs/pronounce`
 * @throws {FormatError} when there is no usable model, or the newest is damaged and `strict` is set
 * @throws {ConfigError} when the model does not translate
 * @example
 * const model = await loadModel('runs/pronounce');
 * const [{ text }] = await model.translate(['attention']); // 'AH T EH N SH AH N'
 */
export async function loadModel(path: string, options: LoadOptions = {}): Promise<LoadedModel> {
  const { model, tokenizers, checkpoint } = load(path, options, buildEncoderDecoder);
  return new LoadedModel(new Translator(model, tokenizers), checkpoint.facts, checkpoint.path);
}

/**
 * Loads the language model of a run folder (or of a checkpoint inside it).
 *
 * @throws {FormatError} as `loadModel`
 * @throws {ConfigError} when it is not a language model
 * @example
 * const generator = await loadLanguageModel('runs/shakespeare');
 * const [[{ text }]] = generator.generate(['ROMEO:'], { sample: { temperature: 0.8 } });
 */
export async function loadLanguageModel(path: string, options: LoadOptions = {}): Promise<TextGenerator> {
  const { model, tokenizers } = load(path, options, buildLanguageModel);
  return new TextGenerator(model, tokenizers.target);
}

/**
 * Loads the tagger of a run folder (or of a checkpoint inside it).
 *
 * @throws {FormatError} as `loadModel`
 * @throws {ConfigError} when the model does not tag
 * @example
 * const tagger = await loadTagger('runs/resume');
 * const [{ tags }] = tagger.tag([['Anna', 'lives', 'in', 'Rome']]);
 */
export async function loadTagger(path: string, options: LoadOptions = {}): Promise<Tagger> {
  const { model, tokenizers } = load(path, options, buildTaggingModel);
  return new Tagger(model, tokenizers);
}

/**
 * Loads the masked language model of a run folder (or of a checkpoint inside it), for `fillMask` and `fillText`.
 *
 * @throws {FormatError} as `loadModel`
 * @throws {ConfigError} when it is of another sort
 * @example
 * const { model, tokenizer } = await loadMaskedLanguageModel('runs/cloze');
 * fillText(model, tokenizer, 'to be or not to [MASK]').text;
 */
export async function loadMaskedLanguageModel(
  path: string,
  options: LoadOptions = {},
): Promise<{ readonly model: MaskedLanguageModel; readonly tokenizer: Tokenizer }> {
  const { model, tokenizers } = load(path, options, buildMaskedLanguageModel);
  return { model: model.eval(), tokenizer: tokenizers.target };
}
