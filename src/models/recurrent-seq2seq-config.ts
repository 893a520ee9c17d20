/** Configuration of the recurrent encoder–decoder, checked as a whole. */
import type { ConfigIssue } from '../errors.ts';
import { type SourceAttentionKind, sourceAttentions } from '../nn/attention/source-kinds.ts';
import { choiceIssues, type DefaultsOf, defaultsOf, type OptionRules } from '../nn/variants.ts';
import { type RecurrentCell, recurrentCells } from '../ops/recurrent/cells.ts';
import { ConfigChecks } from './config-checks.ts';

/** Sizes and variants of a recurrent encoder–decoder. */
export interface RecurrentSeq2SeqConfig {
  readonly sourceVocabSize: number;
  readonly targetVocabSize: number;
  /** Longest text on either side, in tokens. */
  readonly maxSeqLen: number;
  /** Width of the embeddings and of the states; both directions of the encoder together. */
  readonly dModel: number;
  /** Layers of the encoder, and of the decoder. */
  readonly numLayers: number;
  readonly cell: RecurrentCell;
  /** Whether the encoder reads both ways. */
  readonly bidirectional: boolean;
  /** How the decoder looks at the source; `none` leaves it the encoder's last state only. */
  readonly attention: SourceAttentionKind;
  /** Whether each step reads what the step before said beside its token (Luong et al. 2015, §3.3). */
  readonly inputFeeding: boolean;
  /** Rate on embeddings, between layers and before the output. */
  readonly dropout: number;
  /** Id whose embedding is zero. */
  readonly paddingId: number;
}

/** Rules of its fields in an experiment; by default two LSTM layers with attention. */
export const recurrentSeq2SeqRules = {
  maxSeqLen: { type: 'count', default: 512 },
  dModel: { type: 'count', default: 256 },
  numLayers: { type: 'count', default: 2 },
  cell: { type: 'choice', of: Object.keys(recurrentCells) as RecurrentCell[], default: 'lstm' },
  bidirectional: { type: 'flag', default: true },
  attention: { type: 'variant', of: sourceAttentions, default: 'luong' },
  inputFeeding: { type: 'flag', default: false },
  dropout: { type: 'rate', default: 0.1 },
} as const satisfies OptionRules;

const { attention: _checkedWithItsClashes, ...plainRules } = recurrentSeq2SeqRules;

/** What a field is where it is left out. */
export const recurrentSeq2SeqDefaults: DefaultsOf<typeof recurrentSeq2SeqRules> & { readonly paddingId: 0 } =
  {
    ...defaultsOf(recurrentSeq2SeqRules),
    paddingId: 0,
  };

const nothingToFeed: ConfigIssue = {
  path: 'inputFeeding',
  message: 'it feeds what attention found, and attention is none; choose luong or bahdanau, or leave it out',
};

/** What does not go together, in a configuration whose every field is fine by itself. */
export function recurrentSeq2SeqClashes(
  config: Pick<RecurrentSeq2SeqConfig, 'dModel' | 'bidirectional' | 'attention' | 'inputFeeding'>,
): ConfigIssue[] {
  const message = `expected an even number, for two directions, got ${config.dModel}`;
  const isEven = !config.bidirectional || config.dModel % 2 === 0;
  return [
    ...(isEven ? [] : [{ path: 'dModel', message }]),
    ...choiceIssues('attention', sourceAttentions, config.attention, config),
    ...(config.inputFeeding && config.attention === 'none' ? [nothingToFeed] : []),
  ];
}

/**
 * The configuration itself.
 *
 * @throws {ConfigError} listing every field that cannot be used
 */
export function checkRecurrentSeq2SeqConfig(config: RecurrentSeq2SeqConfig): RecurrentSeq2SeqConfig {
  return new ConfigChecks(config)
    .whole(['sourceVocabSize', 'targetVocabSize'])
    .rules(plainRules)
    .also(recurrentSeq2SeqClashes(config))
    .done('model');
}
