/**
 * The learn phase of byte-pair encoding and WordPiece: merge the best pair of neighbours, again and again.
 *
 * Ties: the higher score first, then the pair whose left piece has the lower id, then the lower right id. Ids are
 * given in the order: characters by code point, characters with a mark (end of word or continuation), merges.
 *
 * Papers: Sennrich, Haddow and Birch, ACL 2016 (arXiv 1508.07909); Schuster and Nakajima, ICASSP 2012.
 */
import { byCodePoint, countSymbols, mostFrequent } from './counting.ts';
import { PairCounts, pairOf, type TrainingWord } from './pair-counts.ts';
import { FrequencySelection, LikelihoodSelection, type PairSelection } from './pair-selection.ts';
import type { Merge, TrainingReport } from './types.ts';

export interface BpeTrainingOptions {
  /** Appended to the last symbol of each word; '' for none. */
  readonly endOfWord: string;
  /** Put before every symbol but the first one of a word; none by default. */
  readonly continuation?: string;
  /** Symbols that are always in the vocabulary. */
  readonly alphabet?: Iterable<string>;
  /** Keep only this many of the most frequent symbols (those of `alphabet` count as the most frequent). */
  readonly limitAlphabet?: number | undefined;
  /** Stop at this many pieces. */
  readonly maxPieces: number;
  /** Stop at this many merges. */
  readonly maxMerges: number;
  /** Stop when the best pair is rarer than this. */
  readonly minFrequency: number;
  /** Pairs that are chosen before the counts are looked at again. Default 1. */
  readonly mergesPerStep?: number | undefined;
  /** What the best pair has the most of. Default `frequency`. */
  readonly score?: 'frequency' | 'likelihood' | undefined;
  /** Pieces that must never be made. */
  readonly isForbidden?: (piece: string) => boolean;
}

export interface LearnedBpe {
  readonly pieces: string[];
  readonly merges: Merge[];
  readonly reason: TrainingReport['reason'];
}

/** Learns merges from the counts of words, each word a string of symbols (code points). */
export function trainBpe(words: ReadonlyMap<string, number>, options: BpeTrainingOptions): LearnedBpe {
  return new BpeTrainer(words, options).train();
}

class BpeTrainer {
  private readonly options: BpeTrainingOptions;
  private readonly pieces: string[] = [];
  private readonly ids = new Map<string, number>();
  private readonly merges: Merge[] = [];
  private readonly counts: PairCounts;
  private readonly selection: PairSelection;

  constructor(words: ReadonlyMap<string, number>, options: BpeTrainingOptions) {
    this.options = options;
    const kept = this.addAlphabet(words);
    const training: TrainingWord[] = [];
    for (const [word, count] of words) training.push({ symbols: this.symbolsOf(word, kept), count });
    this.counts = new PairCounts(training);
    const Selection = options.score === 'likelihood' ? LikelihoodSelection : FrequencySelection;
    this.selection = new Selection(this.counts, options.minFrequency);
  }

  train(): LearnedBpe {
    while (this.hasRoom()) {
      const step = this.chooseStep();
      if (step.size === 0) return this.done(this.reasonToStop());
      for (const key of step) if (this.hasRoom() && this.counts.pairs.has(key)) this.merge(key);
    }
    return this.done('reached');
  }

  private hasRoom(): boolean {
    return this.pieces.length < this.options.maxPieces && this.merges.length < this.options.maxMerges;
  }

  private done(reason: TrainingReport['reason']): LearnedBpe {
    return { pieces: this.pieces, merges: this.merges, reason };
  }

  private reasonToStop(): TrainingReport['reason'] {
    for (const count of this.counts.pairs.values()) {
      if (count < this.options.minFrequency) return 'minFrequency';
    }
    return 'exhausted';
  }

  private chooseStep(): Set<number> {
    const { mergesPerStep = 1 } = this.options;
    const chosen = new Set<number>();
    while (chosen.size < mergesPerStep) {
      const key = this.selection.next();
      if (key === undefined) break;
      if (!this.isForbidden(this.mergeOf(key))) chosen.add(key);
    }
    return chosen;
  }

  private merge(key: number): void {
    const merge = this.mergeOf(key);
    this.merges.push(merge);
    const merged = this.add(this.joined(merge));
    this.selection.update(key, merged, this.counts.merge(key, merged));
  }

  private mergeOf(key: number): Merge {
    const [left, right] = pairOf(key);
    return [this.pieces[left]!, this.pieces[right]!];
  }

  private joined([left, right]: Merge): string {
    return left + right.slice(this.options.continuation?.length ?? 0);
  }

  private add(piece: string): number {
    let id = this.ids.get(piece);
    if (id === undefined) {
      id = this.pieces.push(piece) - 1;
      this.ids.set(piece, id);
    }
    return id;
  }

  private addAlphabet(words: ReadonlyMap<string, number>): Set<string> {
    const { alphabet = [], limitAlphabet = Infinity, endOfWord, continuation } = this.options;
    const counts = countSymbols(words);
    for (const symbol of alphabet) counts.set(symbol, Infinity);
    const kept = new Set(mostFrequent(counts, limitAlphabet).sort(byCodePoint));
    for (const symbol of kept) this.add(symbol);
    if (continuation) {
      const later = new Set([...words.keys()].flatMap((word) => [...word].slice(1)));
      for (const symbol of kept) if (later.has(symbol)) this.add(continuation + symbol);
    }
    if (endOfWord) {
      const finals = new Set([...words.keys()].map(lastCodePoint).filter((symbol) => kept.has(symbol)));
      for (const symbol of [...finals].sort(byCodePoint)) this.add(symbol + endOfWord);
    }
    return kept;
  }

  private symbolsOf(word: string, kept: ReadonlySet<string>): number[] {
    const { continuation = '', endOfWord } = this.options;
    const symbols = [...word];
    return symbols.flatMap((symbol, index) => {
      if (!kept.has(symbol)) return [];
      const isLast = index === symbols.length - 1;
      const marked = index === 0 ? symbol : continuation + symbol;
      return [this.ids.get(isLast ? marked + endOfWord : marked)!];
    });
  }

  private isForbidden(merge: Merge): boolean {
    const { endOfWord, continuation, isForbidden } = this.options;
    const [left, right] = merge;
    const piece = this.joined(merge);
    // Letters of the text that spell a mark must not look like the mark.
    if (endOfWord && piece.endsWith(endOfWord) && !right.endsWith(endOfWord)) return true;
    if (continuation && piece.startsWith(continuation) && !left.startsWith(continuation)) return true;
    return isForbidden?.(piece) ?? false;
  }
}

function lastCodePoint(word: string): string {
  const low = word.charCodeAt(word.length - 1);
  return low >= 0xdc00 && low < 0xe000 ? word.slice(-2) : word.slice(-1);
}
