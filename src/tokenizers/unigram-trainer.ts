/**
 * The learn phase of the unigram language model: from many candidate pieces, EM and pruning in turns leave those
 * without which the text would become least likely.
 *
 * Paper: Kudo, Subword Regularization, ACL 2018 (arXiv 1804.10959), section 3.2; Liang and Klein, Structured
 * Bayesian Nonparametric Models with Variational Inference, ACL 2007 tutorial, for the digamma.
 */
import { byCodePoint, countSymbols } from './counting.ts';
import { Lattice, type UnigramPieces } from './lattice.ts';
import { repeatedSubstrings } from './substrings.ts';
import { Trie } from './trie.ts';
import type { TrainingReport } from './types.ts';
import { lowest, unknownPenalty } from './unigram-model.ts';

/** A piece and its log probability. */
export interface ScoredPiece {
  readonly text: string;
  readonly score: number;
}

export interface UnigramTrainingOptions {
  /** Pieces to reach. */
  readonly numPieces: number;
  /** The characters that must be pieces: at least those of the words. */
  readonly alphabet: readonly string[];
  readonly maxPieceLength: number;
  readonly shrinkingFactor: number;
  readonly emSteps: number;
  readonly seedSize: number;
  readonly sparsePrior: boolean;
  /** Pieces that must never be made. */
  readonly isForbidden: (piece: string) => boolean;
}

// Training stops pruning a little above the size, so that single characters find room at the end.
const SLACK = 1.1;

// Pieces that are expected more rarely than this leave, with the sparse prior.
const MIN_EXPECTED = 0.5;

/** Learns pieces from the counts of words; the most probable ones first. */
export function trainUnigram(
  words: ReadonlyMap<string, number>,
  options: UnigramTrainingOptions,
): { readonly pieces: ScoredPiece[]; readonly reason: TrainingReport['reason'] } {
  const desired = Math.floor(options.numPieces * SLACK);
  let pieces = seedPieces(words, options);
  for (;;) {
    for (let step = 0; step < options.emSteps; step++) {
      ({ pieces } = emStep(pieces, words, options.sparsePrior));
    }
    if (pieces.length <= desired) break;
    const target = Math.max(desired, Math.floor(pieces.length * options.shrinkingFactor));
    const kept = prune(pieces, words, target);
    if (kept.length === pieces.length) break;
    pieces = kept;
  }
  const finished = finish(pieces, options);
  return { pieces: finished, reason: finished.length === options.numPieces ? 'reached' : 'exhausted' };
}

/** Every character of the words, and the substrings that save the most when they are pieces: count · length. */
export function seedPieces(
  words: ReadonlyMap<string, number>,
  { maxPieceLength, seedSize, isForbidden }: UnigramTrainingOptions,
): ScoredPiece[] {
  const characters = [...countSymbols(words)].map(([text, weight]) => ({ text, weight }));
  const longer: { text: string; weight: number }[] = [];
  for (const { text, count } of repeatedSubstrings(words.keys(), 2, maxPieceLength)) {
    if (!isForbidden(text)) longer.push({ text, weight: count * [...text].length });
  }
  longer.sort((a, b) => b.weight - a.weight || (a.text < b.text ? 1 : -1));
  const seeds = [...characters, ...longer.slice(0, Math.max(0, seedSize - characters.length))];
  const logTotal = Math.log(seeds.reduce((sum, { weight }) => sum + weight, 0));
  return seeds.map(({ text, weight }) => ({ text, score: Math.log(weight) - logTotal }));
}

/**
 * One step of EM.
 *
 * @param sparsePrior - the counts go through exp(ψ(·)), which lowers small ones, and pieces that are expected less
 * than half a time leave; without it the likelihood of the words never falls
 * @returns the new pieces, and log P(words) under the old ones
 */
export function emStep(
  pieces: readonly ScoredPiece[],
  words: ReadonlyMap<string, number>,
  sparsePrior: boolean,
): { readonly pieces: ScoredPiece[]; readonly logLikelihood: number } {
  const lattice = new Lattice(tableOf(pieces));
  const expected = new Float64Array(pieces.length + 1);
  let logLikelihood = 0;
  for (const [word, count] of words)
    logLikelihood += count * lattice.build(word).addExpected(count, expected);
  const kept = pieces.flatMap(({ text }, id) => {
    const count = expected[id]!;
    return (sparsePrior ? count >= MIN_EXPECTED : count > 0) ? [{ text, count }] : [];
  });
  const total = kept.reduce((sum, { count }) => sum + count, 0);
  const log = sparsePrior ? digamma : Math.log;
  const logTotal = log(total);
  return {
    pieces: kept.map(({ text, count }) => ({ text, score: log(count) - logTotal })),
    logLikelihood,
  };
}

/** The pieces as a lattice takes them; the id after the last one stands for what is unknown. */
export function tableOf(pieces: readonly ScoredPiece[]): UnigramPieces {
  const scores = Float64Array.from(pieces, ({ score }) => score);
  return {
    trie: new Trie(pieces.map(({ text }, id) => [text, id])),
    scores,
    unk: pieces.length,
    unkScore: lowest(scores) - unknownPenalty,
  };
}

/**
 * Leaves `target` pieces: those without which the likelihood falls most, when each takes its second best
 * segmentation instead. Pieces without an alternative stay.
 */
export function prune(
  pieces: readonly ScoredPiece[],
  words: ReadonlyMap<string, number>,
  target: number,
): ScoredPiece[] {
  const lattice = new Lattice(tableOf(pieces));
  const { uses, numWords } = countUses(lattice, words, pieces.length + 1);
  const total = uses.reduce((sum, count) => sum + count, 0);
  const kept: ScoredPiece[] = [];
  const candidates: { readonly piece: ScoredPiece; readonly loss: number }[] = [];
  pieces.forEach((piece, id) => {
    const [best, second] = lattice.build(piece.text).nBest(2);
    const standsAlone = best!.ids.length === 1;
    const count = uses[id]!;
    if (!second || !standsAlone) {
      if (count > 0 || !second) kept.push(piece);
    } else if (count > 0) {
      candidates.push({ piece, loss: (count / numWords) * logRatio(count, second.ids) });
    }
  });
  /** log p(piece) − log p(alternative), once its uses have gone to the alternative. */
  function logRatio(count: number, alternative: readonly number[]): number {
    const newTotal = Math.log(total + count * (alternative.length - 1));
    const logAlternative = alternative.reduce((sum, id) => sum + Math.log(uses[id]! + count) - newTotal, 0);
    return Math.log(count) - Math.log(total) - logAlternative;
  }
  candidates.sort((a, b) => b.loss - a.loss);
  const room = Math.max(0, target - kept.length);
  return [...kept, ...candidates.slice(0, room).map(({ piece }) => piece)];
}

/** How often each piece stands in the best segmentations of the words. */
function countUses(
  lattice: Lattice,
  words: ReadonlyMap<string, number>,
  size: number,
): { readonly uses: Float64Array; readonly numWords: number } {
  const uses = new Float64Array(size);
  let numWords = 0;
  for (const [word, count] of words) {
    numWords += count;
    for (const id of lattice.build(word).best().ids) uses[id]! += count;
  }
  return { uses, numWords };
}

/** Every character, then the pieces in their order until there are enough. */
function finish(
  pieces: readonly ScoredPiece[],
  { alphabet, numPieces }: UnigramTrainingOptions,
): ScoredPiece[] {
  const known = new Map(pieces.map(({ text, score }) => [text, score]));
  const rarest = lowest(pieces.map(({ score }) => score));
  let missing = 0;
  const characters = [...alphabet].sort(byCodePoint).map((text) => {
    // Characters that training has lost come last, each with a probability of its own.
    return { text, score: known.get(text) ?? rarest - 0.0001 * missing++ };
  });
  const required = new Set(characters.map(({ text }) => text));
  const others = pieces.filter(({ text }) => !required.has(text));
  return [...characters, ...others.slice(0, Math.max(0, numPieces - characters.length))].sort(
    (a, b) => b.score - a.score,
  );
}

/** ψ(x) = d log Γ(x) / dx for x > 0: the recurrence up to 6, then the asymptotic series. */
export function digamma(x: number): number {
  let shift = 0;
  let at = x;
  for (; at < 6; at++) shift -= 1 / at;
  const inverse = 1 / (at * at);
  const series =
    inverse * (1 / 12 - inverse * (1 / 120 - inverse * (1 / 252 - inverse * (1 / 240 - inverse / 132))));
  return shift + Math.log(at) - 1 / (2 * at) - series;
}
