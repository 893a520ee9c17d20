/**
 * BLEU, equal to sacreBLEU's.
 *
 * Paper: Papineni, Roukos, Ward, Zhu, BLEU: a Method for Automatic Evaluation of Machine Translation, ACL 2002.
 */
import { type BleuOptions, type BleuSettings, bleuSettings, smoothingSignature } from './bleu-options.ts';
import { tokenizeForBleu } from './bleu-tokenizers.ts';
import {
  checkCorpus,
  type ItemStatistics,
  type References,
  SACREBLEU_VERSION,
  signatureOf,
  sumRows,
} from './corpus.ts';
import { countNgrams, ngramTotal, takeMatches, type Units, wordUnits } from './ngrams.ts';

/** BLEU and what it was made of. */
export interface BleuResult {
  /** 0 to 100. */
  readonly score: number;
  /** Modified n-gram precisions p₁ … p_N after smoothing, 0 to 100. */
  readonly precisions: readonly number[];
  /** Clipped matches of each order, with what `add-k` adds. */
  readonly counts: readonly number[];
  /** N-grams of the hypotheses, of each order, with what `add-k` adds. */
  readonly totals: readonly number[];
  /** `min(1, exp(1 − referenceLength / hypothesisLength))`. */
  readonly brevityPenalty: number;
  /** Tokens in the hypotheses. */
  readonly hypothesisLength: number;
  /** Tokens in the reference nearest in length to each hypothesis, the shorter one on a tie. */
  readonly referenceLength: number;
  /** How it was computed, in sacreBLEU's words. */
  readonly signature: string;
}

/**
 * Corpus BLEU: `100 · BP · exp((1/N) Σₙ ln pₙ)`, where pₙ are the clipped n-gram precisions of the whole corpus.
 *
 * @param hypotheses - one segment each, not tokenised
 * @param references - `references[i]` lists the references of hypothesis i
 * @param options - tokenizer, smoothing, case
 * @returns the score in percent, its parts and its signature
 * @throws ConfigError for a wrong option, ShapeError or HeedError for input that does not pair up
 * @example
 * bleu(['the cat sat on the mat'], [['the cat sat on a mat']]).score; // 53.73
 */
export function bleu(
  hypotheses: readonly string[],
  references: References,
  options: BleuOptions = {},
): BleuResult {
  const settings = bleuSettings('bleu', options);
  const sum = sumRows(bleuRows(hypotheses, references, settings));
  return { ...scoreOfSum(sum, settings), signature: bleuSignature(references, settings) };
}

/**
 * BLEU of one segment. Orders that the segment is too short for are left out (`effectiveOrder`) unless the options
 * say otherwise.
 *
 * @param hypothesis - one segment, not tokenised
 * @param references - its references
 * @param options - as for `bleu`, but `effectiveOrder` is true by default
 * @throws ConfigError for a wrong option, HeedError without a reference
 */
export function sentenceBleu(
  hypothesis: string,
  references: readonly string[],
  options: BleuOptions = {},
): BleuResult {
  return bleu([hypothesis], [references], { effectiveOrder: true, ...options });
}

/** Statistics of every segment, `[hypothesisLength, referenceLength, ...counts, ...totals]`, for the bootstrap. */
export function bleuStatistics(
  hypotheses: readonly string[],
  references: References,
  options: BleuOptions = {},
): ItemStatistics {
  const settings = bleuSettings('bleu', options);
  const rows = bleuRows(hypotheses, references, settings);
  return { rows, score: (sum) => scoreOfSum(sum, settings).score };
}

function bleuRows(hypotheses: readonly string[], references: References, settings: BleuSettings): number[][] {
  checkCorpus('bleu', hypotheses, references);
  return hypotheses.map((text, i) => bleuRow(text, references[i]!, settings));
}

function bleuRow(hypothesis: string, references: readonly string[], settings: BleuSettings): number[] {
  const units = prepare(hypothesis, settings);
  const referenceUnits = references.map((text) => prepare(text, settings));
  const row = [units.length, nearestLength(units.length, referenceUnits)];
  for (let n = 1; n <= settings.maxNgramOrder; n++) {
    row.push(takeMatches(units, n, highestCounts(referenceUnits, n)));
  }
  for (let n = 1; n <= settings.maxNgramOrder; n++) row.push(ngramTotal(units, n));
  return row;
}

function prepare(text: string, settings: BleuSettings): Units {
  return wordUnits(tokenizeForBleu(settings.lowercase ? text.toLowerCase() : text, settings.tokenize));
}

function nearestLength(length: number, references: readonly Units[]): number {
  const lengths = references.map((reference) => reference.length);
  return lengths.reduce((best, next) => {
    const difference = Math.abs(next - length) - Math.abs(best - length);
    return difference < 0 || (difference === 0 && next < best) ? next : best;
  });
}

/** For every n-gram the highest count that any one reference has of it. */
function highestCounts(references: readonly Units[], order: number): Map<string, number> {
  const [first, ...others] = references.map((reference) => countNgrams(reference, order));
  for (const other of others) {
    for (const [ngram, count] of other) {
      if (count > (first!.get(ngram) ?? 0)) first!.set(ngram, count);
    }
  }
  return first!;
}

function scoreOfSum(sum: ArrayLike<number>, settings: BleuSettings): Omit<BleuResult, 'signature'> {
  const order = settings.maxNgramOrder;
  const [hypothesisLength, referenceLength, ...rest] = Array.from(sum) as [number, number, ...number[]];
  const counts = rest.slice(0, order);
  const totals = rest.slice(order);
  const brevityPenalty = penalty(hypothesisLength, referenceLength);
  const { precisions, orders } = smoothedPrecisions(counts, totals, settings);
  const meanLog = precisions.slice(0, orders).reduce((total, p) => total + Math.log(p), 0) / orders;
  return {
    score: 100 * brevityPenalty * Math.exp(meanLog),
    precisions: precisions.map((p) => 100 * p),
    counts,
    totals,
    brevityPenalty,
    hypothesisLength,
    referenceLength,
  };
}

function penalty(hypothesisLength: number, referenceLength: number): number {
  if (hypothesisLength >= referenceLength) return 1;
  return hypothesisLength > 0 ? Math.exp(1 - referenceLength / hypothesisLength) : 0;
}

/**
 * Precisions as fractions and the number of orders that count.
 *
 * Paper: Chen and Cherry, A Systematic Comparison of Smoothing Techniques for Sentence-Level BLEU, WMT 2014
 * (`floor` is their method 1, `add-k` method 2, `exp` method 3).
 */
function smoothedPrecisions(counts: number[], totals: number[], settings: BleuSettings) {
  const precisions = counts.map(() => 0);
  let orders = counts.length;
  // without any match no smoothing may invent a score
  if (counts.every((count) => count === 0)) return { precisions, orders };
  let missing = 1;
  for (let k = 0; k < counts.length; k++) {
    if (settings.smooth === 'add-k' && k > 0) {
      counts[k]! += settings.smoothValue;
      totals[k]! += settings.smoothValue;
    }
    if (totals[k] === 0) break;
    if (settings.effectiveOrder) orders = k + 1;
    if (counts[k]! > 0) precisions[k] = counts[k]! / totals[k]!;
    else if (settings.smooth === 'exp') precisions[k] = 1 / ((missing *= 2) * totals[k]!);
    else if (settings.smooth === 'floor') precisions[k] = settings.smoothValue / totals[k]!;
  }
  return { precisions, orders };
}

function bleuSignature(references: References, settings: BleuSettings): string {
  return signatureOf(references, settings.lowercase, {
    eff: settings.effectiveOrder ? 'yes' : 'no',
    tok: settings.tokenize,
    smooth: smoothingSignature(settings),
    version: SACREBLEU_VERSION,
  });
}
