/**
 * Word, phoneme and character error rates, and exact match.
 *
 * Papers: Levenshtein, Binary codes capable of correcting deletions, insertions and reversals, 1966; Morris, Maier,
 * Green, From WER and RIL to MER and WIL, Interspeech 2004 (what WER is and what it is not).
 */
import { editDistance } from '../edit-distance.ts';
import {
  checkCorpus,
  type ItemStatistics,
  nothingToScore,
  type References,
  signatureOf,
  sumRows,
} from './corpus.ts';
import { codePoints, splitWords } from './text.ts';

/** Options of the error rates and of exact match. */
export interface MatchOptions {
  /** Lower-cases both sides first; default false. */
  readonly lowercase?: boolean;
}

/** What is counted: words, phonemes (both separated by white space), or code points with the spaces. */
export type ErrorUnit = 'word' | 'phoneme' | 'character';

/** Edits of one item against the reference that needs the fewest. */
export interface ItemEdits {
  readonly edits: number;
  /** Units of that reference. */
  readonly referenceUnits: number;
}

/** An error rate and what it was made of. */
export interface ErrorRateResult extends ItemEdits {
  /** `100 · edits / referenceUnits` in percent, of the whole corpus; above 100 when there is more wrong than right. */
  readonly score: number;
  readonly items: readonly ItemEdits[];
  readonly signature: string;
}

/** Share of items that equal one of their references. */
export interface ExactMatchResult {
  /** `100 · matches / items`, in percent. */
  readonly score: number;
  /** `100 − score`: the word error rate of grapheme-to-phoneme work, where an item is one word. */
  readonly errorRate: number;
  readonly matches: number;
  readonly items: number;
  readonly signature: string;
}

/** The version of the definitions below, for their signatures: raised when a score may change. */
const DEFINITION = 'heed-1';

/**
 * Error rate of a corpus: `100 · Σ edits / Σ reference units`, with insertions, deletions and substitutions at one
 * edit each. Of several references of an item the one with the fewest edits counts, on a tie the shortest.
 *
 * @param unit - what an edit replaces
 * @param hypotheses - one text per item
 * @param references - `references[i]` lists the references of hypothesis i
 * @returns the rate in percent, and the edits of every item
 * @throws ShapeError for input that does not pair up, HeedError when every reference is empty
 * @example
 * errorRate('word', ['the cat sat'], [['the cat sat down']]).score; // 25
 */
export function errorRate(
  unit: ErrorUnit,
  hypotheses: readonly string[],
  references: References,
  options: MatchOptions = {},
): ErrorRateResult {
  const { rows, score } = errorRateStatistics(unit, hypotheses, references, options);
  const sum = sumRows(rows);
  const [edits, referenceUnits] = sum as [number, number];
  if (referenceUnits === 0)
    throw nothingToScore(shortNames[unit], `at least one ${unit}`, 'empty references');
  return {
    score: score(sum),
    edits,
    referenceUnits,
    items: rows.map((row) => ({ edits: row[0]!, referenceUnits: row[1]! })),
    signature: signatureOf(references, options.lowercase ?? false, { unit, version: DEFINITION }),
  };
}

/** Statistics of every item, `[edits, referenceUnits]`, for the bootstrap. */
export function errorRateStatistics(
  unit: ErrorUnit,
  hypotheses: readonly string[],
  references: References,
  options: MatchOptions = {},
): ItemStatistics {
  checkCorpus(shortNames[unit], hypotheses, references);
  const prepare = (text: string) => splitters[unit](options.lowercase ? text.toLowerCase() : text);
  return {
    rows: hypotheses.map((text, i) => fewestEdits(prepare(text), references[i]!.map(prepare))),
    score: (sum) => (100 * sum[0]!) / sum[1]!,
  };
}

/**
 * Exact match of whole items: `100 · items that equal a reference / items`. White space is compared as one space and
 * ignored at both ends, so it serves phoneme sequences as well as text.
 *
 * @param hypotheses - one text per item
 * @param references - `references[i]` lists the references of hypothesis i
 * @returns the share in percent, and its complement `errorRate`
 * @throws ShapeError or HeedError for input that does not pair up
 * @example
 * exactMatch(['T AH0', 'K AE1'], [['T UW1', 'T AH0'], ['K AE1 T']]).errorRate; // 50
 */
export function exactMatch(
  hypotheses: readonly string[],
  references: References,
  options: MatchOptions = {},
): ExactMatchResult {
  const { rows, score } = exactMatchStatistics(hypotheses, references, options);
  const [matches, items] = sumRows(rows) as [number, number];
  return {
    score: score([matches, items]),
    errorRate: (100 * (items - matches)) / items,
    matches,
    items,
    signature: signatureOf(references, options.lowercase ?? false, { unit: 'item', version: DEFINITION }),
  };
}

/** Statistics of every item, `[1 when it matches or else 0, 1]`, for the bootstrap. */
export function exactMatchStatistics(
  hypotheses: readonly string[],
  references: References,
  options: MatchOptions = {},
): ItemStatistics {
  checkCorpus('exact-match', hypotheses, references);
  const prepare = (text: string) => splitWords(options.lowercase ? text.toLowerCase() : text).join(' ');
  return {
    rows: hypotheses.map((text, i) => [references[i]!.map(prepare).includes(prepare(text)) ? 1 : 0, 1]),
    score: (sum) => (100 * sum[0]!) / sum[1]!,
  };
}

const shortNames: Readonly<Record<ErrorUnit, string>> = { word: 'wer', phoneme: 'per', character: 'cer' };

type Sequence = ArrayLike<string> | ArrayLike<number>;

const splitters: Readonly<Record<ErrorUnit, (text: string) => Sequence>> = {
  word: splitWords,
  phoneme: splitWords,
  character: codePoints,
};

function fewestEdits(hypothesis: Sequence, references: readonly Sequence[]): [number, number] {
  let best: [number, number] | undefined;
  for (const reference of references) {
    const edits = editDistance<string | number>(hypothesis, reference);
    const shorter = best && edits === best[0] && reference.length < best[1];
    if (!best || edits < best[0] || shorter) best = [edits, reference.length];
  }
  return best!;
}
