/** The learn phase: from lines of text to a tokenizer. */
import { ConfigError } from '../errors.ts';
import { trainBpe } from './bpe-trainer.ts';
import { byteToChar, toByteChars } from './byte-alphabet.ts';
import { checkTokenizerConfig } from './config.ts';
import { createTokenizer, defaultEndOfWord, type TokenizerParts } from './create.ts';
import { normalizeText } from './normalize.ts';
import { splitWords } from './pre-tokenize.ts';
import { numSpecialTokens, resolveSpecialTokens, specialTexts } from './special-tokens.ts';
import type {
  BpeConfig,
  CharConfig,
  NormalizerName,
  SpecialTokens,
  TokenizerConfig,
  TrainedTokenizer,
  TrainingReport,
  WordConfig,
} from './types.ts';

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
  const specialTokens = resolveSpecialTokens(config.specialTokens);
  const common = {
    format: 'heed-tokenizer' as const,
    version: 1 as const,
    normalizers: [...(config.normalizers ?? [])],
    specialTokens,
  };
  if (config.kind === 'bpe') return trainBytePairs(config, common, lines);
  const parts: TokenizerParts =
    config.kind === 'char' ? { ...common, kind: 'char' } : { ...common, ...wordParts(config) };
  return trainByFrequency(config, parts, lines);
}

function wordParts(config: WordConfig) {
  const { kind, preTokenizer = 'whitespace', continuation } = config;
  return continuation === undefined ? { kind, preTokenizer } : { kind, preTokenizer, continuation };
}

function countUnits(
  lines: Iterable<string>,
  normalizers: readonly NormalizerName[],
  split: (text: string) => Iterable<string>,
): Map<string, number> {
  const counts = new Map<string, number>();
  for (const line of lines) {
    for (const unit of split(normalizeText(line, normalizers))) counts.set(unit, (counts.get(unit) ?? 0) + 1);
  }
  return counts;
}

const wordsOf = (name: Parameters<typeof splitWords>[1]) => (text: string) =>
  splitWords(text, name).map((word) => word.text);

/** Words and characters: the most frequent ones, ties in the order of their texts. */
function trainByFrequency(
  config: WordConfig | CharConfig,
  parts: TokenizerParts,
  lines: Iterable<string>,
): TrainedTokenizer {
  const { minFrequency = 1, maxVocabSize } = config;
  const split =
    config.kind === 'char' ? (text: string) => text : wordsOf(config.preTokenizer ?? 'whitespace');
  const counts = countUnits(lines, parts.normalizers, split);
  for (const special of specialTexts(parts.specialTokens)) counts.delete(special);
  const frequent = [...counts.entries()]
    .filter(([, count]) => count >= minFrequency)
    .sort(([a, countA], [b, countB]) => countB - countA || (a < b ? -1 : 1))
    .map(([unit]) => unit);
  const pieces = frequent.slice(0, (maxVocabSize ?? Infinity) - numSpecialTokens);
  const reached = pieces.length + numSpecialTokens;
  let reason: TrainingReport['reason'] = frequent.length < counts.size ? 'minFrequency' : 'exhausted';
  if (reached === maxVocabSize) reason = 'reached';
  return withReport(parts, pieces, { requested: maxVocabSize, reached, reason });
}

function trainBytePairs(
  config: BpeConfig,
  common: Pick<TokenizerParts, 'format' | 'version' | 'normalizers' | 'specialTokens'>,
  lines: Iterable<string>,
): TrainedTokenizer {
  const { preTokenizer = 'whitespace', vocabSize, numMerges, endOfWord = defaultEndOfWord } = config;
  const counts = countUnits(lines, common.normalizers, wordsOf(preTokenizer));
  const byteLevel = preTokenizer === 'byteLevel';
  const fixed = byteLevel ? [] : [endOfWord];
  const maxPieces = vocabSize === undefined ? Infinity : vocabSize - numSpecialTokens - fixed.length;
  const learned = trainBpe(byteLevel ? byteCounts(counts) : counts, {
    endOfWord: byteLevel ? '' : endOfWord,
    alphabet: byteLevel ? byteToChar : [],
    limitAlphabet: config.limitAlphabet,
    maxPieces,
    maxMerges: numMerges ?? Infinity,
    minFrequency: config.minFrequency ?? 2,
    isForbidden: forbidSpecials(common.specialTokens, byteLevel),
  });
  const pieces = [...fixed, ...learned.pieces];
  const reached = pieces.length + numSpecialTokens;
  if (vocabSize !== undefined && reached > vocabSize) throw noRoom(vocabSize, reached, byteLevel);
  const parts = { ...common, kind: 'bpe' as const, preTokenizer, merges: learned.merges };
  const requested = vocabSize ?? reached + numMerges! - learned.merges.length;
  const report = { requested, reached, reason: learned.reason };
  return withReport(byteLevel ? parts : { ...parts, endOfWord }, pieces, report);
}

function byteCounts(counts: ReadonlyMap<string, number>): Map<string, number> {
  return new Map([...counts].map(([word, count]) => [toByteChars(word), count]));
}

function forbidSpecials(
  specialTokens: SpecialTokens<string>,
  byteLevel: boolean,
): (piece: string) => boolean {
  const texts = specialTexts(specialTokens);
  const forbidden = new Set(byteLevel ? [...texts, ...texts.map(toByteChars)] : texts);
  return (piece) => forbidden.has(piece);
}

function noRoom(vocabSize: number, needed: number, byteLevel: boolean): ConfigError {
  const path = 'vocabSize';
  const message = `expected at least ${needed} for the alphabet and the special tokens, got ${vocabSize}`;
  const hint = byteLevel ? 'raise vocabSize' : 'raise vocabSize or set limitAlphabet';
  return new ConfigError({ where: path, problem: message, hint, issues: [{ path, message }] });
}

function withReport(
  parts: TokenizerParts,
  pieces: readonly string[],
  report: TrainingReport,
): TrainedTokenizer {
  return Object.assign(createTokenizer(parts, pieces), { report });
}
