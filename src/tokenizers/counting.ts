/** What all trainers begin with: how often each word of the text occurs, and which characters it has. */
import { ConfigError } from '../errors.ts';
import type { CommonParts, Learned } from './kind.ts';
import { normalizeText } from './normalize.ts';
import { numSpecialTokens, specialTexts } from './special-tokens.ts';
import type { NormalizerName, TokenizerData, TrainingReport } from './types.ts';

/** How often each unit of the normalised lines occurs. */
export function countUnits(
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

/** How often each code point occurs in counted words. */
export function countSymbols(words: ReadonlyMap<string, number>): Map<string, number> {
  const counts = new Map<string, number>();
  for (const [word, count] of words) {
    for (const symbol of word) counts.set(symbol, (counts.get(symbol) ?? 0) + count);
  }
  return counts;
}

/** The most frequent symbols; ties in the order of their code points. */
export function mostFrequent(counts: ReadonlyMap<string, number>, limit: number): string[] {
  const symbols = [...counts.keys()];
  if (symbols.length <= limit) return symbols;
  const byCount = (a: string, b: string) => {
    const [countA, countB] = [counts.get(a)!, counts.get(b)!];
    return countA === countB ? byCodePoint(a, b) : countA > countB ? -1 : 1;
  };
  return symbols.sort(byCount).slice(0, limit);
}

/** Order of the first code points. */
export function byCodePoint(a: string, b: string): number {
  return a.codePointAt(0)! - b.codePointAt(0)!;
}

/**
 * The most frequent units as a vocabulary; ties in the order of their texts.
 *
 * @param options - rarer units than `minFrequency` (default 1) and all beyond `maxVocabSize` are left out
 */
export function learnFrequent<D extends TokenizerData>(
  parts: Omit<D, 'vocab'> & CommonParts,
  counts: Map<string, number>,
  options: { readonly minFrequency?: number; readonly maxVocabSize?: number },
): Learned<D> {
  const { minFrequency = 1, maxVocabSize } = options;
  for (const special of specialTexts(parts.specialTokens)) counts.delete(special);
  const frequent = [...counts.entries()]
    .filter(([, count]) => count >= minFrequency)
    .sort(([a, countA], [b, countB]) => countB - countA || (a < b ? -1 : 1))
    .map(([unit]) => unit);
  const pieces = frequent.slice(0, (maxVocabSize ?? Infinity) - numSpecialTokens);
  const reached = pieces.length + numSpecialTokens;
  let reason: TrainingReport['reason'] = frequent.length < counts.size ? 'minFrequency' : 'exhausted';
  if (reached === maxVocabSize) reason = 'reached';
  return { parts, pieces, report: { requested: maxVocabSize, reached, reason } };
}

/** The error of a vocabulary that is smaller than its alphabet. */
export function noRoom(vocabSize: number, needed: number, limited: boolean): ConfigError {
  const path = 'vocabSize';
  const message = `expected at least ${needed} for the alphabet and the special tokens, got ${vocabSize}`;
  const hint = limited ? 'raise vocabSize or set limitAlphabet' : 'raise vocabSize';
  return new ConfigError({ where: path, problem: message, hint, issues: [{ path, message }] });
}

/** The report of a training that learned merges. */
export function mergeReport(
  config: { readonly vocabSize?: number; readonly numMerges?: number },
  reached: number,
  learned: { readonly merges: readonly unknown[]; readonly reason: TrainingReport['reason'] },
): TrainingReport {
  const requested = config.vocabSize ?? reached + config.numMerges! - learned.merges.length;
  return { requested, reached, reason: learned.reason };
}
