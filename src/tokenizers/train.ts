/** The learn phase: from lines of text to a tokenizer. */
import { checkTokenizerConfig } from './config.ts';
import type { CommonParts } from './kind.ts';
import { kinds } from './kinds.ts';
import { resolveSpecialTokens } from './special-tokens.ts';
import type { TokenizerConfig, TrainedTokenizer } from './types.ts';

/**
 * Learns a tokenizer from lines of text. For a vocabulary shared by source and target, give the lines of both.
 *
 * @param config - the kind and its options
 * @param lines - texts; pieces never cross a line
 * @returns the tokenizer, with a `report` of the size that was reached
 * @throws ConfigError when the configuration cannot be used, or its vocabulary has no room for the alphabet
 * @example
 * const tokenizer = trainTokenizer({ kind: 'bpe', vocabSize: 8000 }, readLines('train.en'));
 * if (tokenizer.report.reason !== 'reached') console.warn(`only ${tokenizer.report.reached} pieces`);
 */
export function trainTokenizer(config: TokenizerConfig, lines: Iterable<string>): TrainedTokenizer {
  checkTokenizerConfig(config);
  const common: CommonParts = {
    format: 'heed-tokenizer',
    version: 1,
    normalizers: [...(config.normalizers ?? [])],
    specialTokens: resolveSpecialTokens(config.specialTokens),
  };
  const definition = kinds[config.kind];
  const { parts, pieces, report } = definition.train(config, common, lines);
  return Object.assign(definition.create(parts, pieces), { report });
}
