/**
 * chrF and chrF++, equal to sacreBLEU's.
 *
 * Papers: Popović, chrF: character n-gram F-score for automatic MT evaluation, WMT 2015; Popović, chrF++: words
 * helping character n-grams, WMT 2017.
 */
import { type ConfigIssue, refuseIssues } from '../errors.ts';
import {
  checkCorpus,
  type ItemStatistics,
  type References,
  SACREBLEU_VERSION,
  signatureOf,
  sumRows,
} from './corpus.ts';
import { characterUnits, countNgrams, ngramTotal, takeMatches, type Units, wordUnits } from './ngrams.ts';
import { splitWords } from './text.ts';

/** Options of chrF; the defaults give chrF2, `wordOrder: 2` gives chrF2++. */
export interface ChrfOptions {
  /** Longest character n-gram; default 6. */
  readonly charOrder?: number;
  /** Longest word n-gram; default 0. */
  readonly wordOrder?: number;
  /** How many times recall weighs as much as precision; default 2. */
  readonly beta?: number;
  /** Counts white space as characters; default false. */
  readonly whitespace?: boolean;
  /** Lower-cases both sides first; default false. */
  readonly lowercase?: boolean;
  /**
   * Averages the F-scores of all orders, a missing one counting next to nothing, as the first implementation did.
   * Default false: the F-score of the mean precision and recall over the orders that both sides have.
   */
  readonly epsSmoothing?: boolean;
}

/** chrF and how it was computed. */
export interface ChrfResult {
  /** 0 to 100. */
  readonly score: number;
  /** `chrF2`, `chrF2++`: the β, and a plus for every word order. */
  readonly name: string;
  readonly charOrder: number;
  readonly wordOrder: number;
  readonly beta: number;
  /** How it was computed, in sacreBLEU's words. */
  readonly signature: string;
}

type ChrfSettings = Required<ChrfOptions>;

/**
 * Corpus chrF: `100 · (1 + β²) · P · R / (β² · P + R)`, where P and R are the precision and recall of n-grams, each
 * the mean over the orders. Of several references of an item the one with the highest F-score counts.
 *
 * @param hypotheses - one segment each, not tokenised
 * @param references - `references[i]` lists the references of hypothesis i
 * @param options - orders, β, case, white space
 * @returns the score in percent and its signature
 * @throws ConfigError for a wrong option, ShapeError or HeedError for input that does not pair up
 * @example
 * chrf(['the cat'], [['the cat']], { wordOrder: 2 }).score; // 100
 */
export function chrf(
  hypotheses: readonly string[],
  references: References,
  options: ChrfOptions = {},
): ChrfResult {
  const settings = chrfSettings(options);
  const sum = sumRows(chrfRows(hypotheses, references, settings));
  const { charOrder, wordOrder, beta } = settings;
  return {
    score: scoreOfSum(sum, settings),
    name: `chrF${beta}${'+'.repeat(wordOrder)}`,
    charOrder,
    wordOrder,
    beta,
    signature: chrfSignature(references, settings),
  };
}

/**
 * chrF of one segment.
 *
 * @param hypothesis - one segment, not tokenised
 * @param references - its references
 * @param options - as for `chrf`
 * @throws ConfigError for a wrong option, HeedError without a reference
 */
export function sentenceChrf(
  hypothesis: string,
  references: readonly string[],
  options: ChrfOptions = {},
): ChrfResult {
  return chrf([hypothesis], [references], options);
}

/** Statistics of every segment, `[n-grams, reference n-grams, matches]` of each order, for the bootstrap. */
export function chrfStatistics(
  hypotheses: readonly string[],
  references: References,
  options: ChrfOptions = {},
): ItemStatistics {
  const settings = chrfSettings(options);
  const rows = chrfRows(hypotheses, references, settings);
  return { rows, score: (sum) => scoreOfSum(sum, settings) };
}

function chrfRows(hypotheses: readonly string[], references: References, settings: ChrfSettings): number[][] {
  checkCorpus('chrf', hypotheses, references);
  return hypotheses.map((text, i) => chrfRow(text, references[i]!, settings));
}

function chrfSettings(options: ChrfOptions): ChrfSettings {
  const { charOrder = 6, wordOrder = 0, beta = 2 } = options;
  const issues: ConfigIssue[] = [];
  for (const [path, value] of Object.entries({ charOrder, wordOrder })) {
    if (Number.isInteger(value) && value >= 0) continue;
    issues.push({ path, message: `expected an integer ≥ 0, got ${value}` });
  }
  if (!(beta > 0 && beta < Infinity))
    issues.push({ path: 'beta', message: `expected a number > 0, got ${beta}` });
  if (charOrder + wordOrder === 0) issues.push({ path: 'charOrder', message: 'expected any order above 0' });
  refuseIssues('chrf', issues);
  const { whitespace = false, lowercase = false, epsSmoothing = false } = options;
  return { charOrder, wordOrder, beta, whitespace, lowercase, epsSmoothing };
}

function chrfRow(hypothesis: string, references: readonly string[], settings: ChrfSettings): number[] {
  const units = prepare(hypothesis, settings);
  const rows = references.map((reference) => matchRow(units, prepare(reference, settings), settings));
  const scores = rows.map((row) => scoreOfSum(row, settings));
  return rows[scores.indexOf(Math.max(...scores))]!;
}

interface Segment {
  readonly characters: Units;
  readonly words: Units;
}

function prepare(text: string, settings: ChrfSettings): Segment {
  const cased = settings.lowercase ? text.toLowerCase() : text;
  const words = splitWords(cased);
  return {
    characters: characterUnits(settings.whitespace ? cased : words.join('')),
    words: wordUnits(settings.wordOrder > 0 ? words.flatMap(separatePunctuation) : []),
  };
}

/** Takes one sign off the end of a word, or else off its beginning, but not both. */
function separatePunctuation(word: string): string[] {
  if (/^.$/u.test(word)) return [word];
  if (/[!-/:-@[-`{-~]$/.test(word)) return [word.slice(0, -1), word.slice(-1)];
  if (/^[!-/:-@[-`{-~]/.test(word)) return [word.slice(0, 1), word.slice(1)];
  return [word];
}

function matchRow(hypothesis: Segment, reference: Segment, settings: ChrfSettings): number[] {
  return [
    ...matches(hypothesis.characters, reference.characters, settings.charOrder),
    ...matches(hypothesis.words, reference.words, settings.wordOrder),
  ];
}

function matches(hypothesis: Units, reference: Units, maxOrder: number): number[] {
  const row: number[] = [];
  for (let n = 1; n <= maxOrder; n++) {
    const total = ngramTotal(reference, n);
    // an order that the reference is too short for cannot be matched, so it is not held against the hypothesis
    row.push(total > 0 ? ngramTotal(hypothesis, n) : 0, total);
    row.push(takeMatches(hypothesis, n, countNgrams(reference, n)));
  }
  return row;
}

function scoreOfSum(sum: ArrayLike<number>, settings: ChrfSettings): number {
  const weight = settings.beta ** 2;
  return 100 * (settings.epsSmoothing ? meanOfF(sum, weight) : fOfMeans(sum, weight));
}

function fOfMeans(sum: ArrayLike<number>, weight: number): number {
  let precision = 0;
  let recall = 0;
  let orders = 0;
  for (let k = 0; k < sum.length; k += 3) {
    if (sum[k] === 0 || sum[k + 1] === 0) continue;
    precision += sum[k + 2]! / sum[k]!;
    recall += sum[k + 2]! / sum[k + 1]!;
    orders++;
  }
  return precision + recall === 0 ? 0 : fScore(precision / orders, recall / orders, weight);
}

const EPSILON = 1e-16;

function meanOfF(sum: ArrayLike<number>, weight: number): number {
  let total = 0;
  for (let k = 0; k < sum.length; k += 3) {
    const precision = sum[k]! > 0 ? sum[k + 2]! / sum[k]! : EPSILON;
    const recall = sum[k + 1]! > 0 ? sum[k + 2]! / sum[k + 1]! : EPSILON;
    total += precision + recall > 0 ? fScore(precision, recall, weight) : EPSILON;
  }
  return total / (sum.length / 3);
}

function fScore(precision: number, recall: number, weight: number): number {
  return ((1 + weight) * precision * recall) / (weight * precision + recall);
}

function chrfSignature(references: References, settings: ChrfSettings): string {
  return signatureOf(references, settings.lowercase, {
    eff: settings.epsSmoothing ? 'no' : 'yes',
    nc: settings.charOrder,
    nw: settings.wordOrder,
    space: settings.whitespace ? 'yes' : 'no',
    version: SACREBLEU_VERSION,
  });
}
