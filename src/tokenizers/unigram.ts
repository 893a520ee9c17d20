/**
 * The unigram language model as a tokenizer: the most probable segmentation of a text, or one drawn by its
 * probability. Spaces are ▁, see `metaspace.ts`.
 *
 * Paper: Kudo, Subword Regularization, ACL 2018 (arXiv 1804.10959).
 */
import { BaseTokenizer, type WordPieces } from './base.ts';
import { countSymbols, countUnits, mostFrequent, noRoom } from './counting.ts';
import type { KindDefinition } from './kind.ts';
import { Lattice, type Segmentation } from './lattice.ts';
import {
  byteOfId,
  bytePieces,
  joinMetaspace,
  readByteFallback,
  SPACE_MARK,
  splitMetaspace,
  trainingWords,
  unknownIds,
} from './metaspace.ts';
import { normalizeText } from './normalize.ts';
import { byteFallbackOption, commonOptions, mergeOptions } from './options.ts';
import type { Word } from './pre-tokenize.ts';
import { checkSampling } from './sampling.ts';
import { show } from './saved-fields.ts';
import { numSpecialTokens, specialIds, specialTexts } from './special-tokens.ts';
import { Trie } from './trie.ts';
import type { Sampling, ScoredIds, UnigramConfig, UnigramData } from './types.ts';
import { lowest, placePieces, unknownPenalty } from './unigram-model.ts';
import { trainUnigram } from './unigram-trainer.ts';
import { Vocabulary } from './vocabulary.ts';
import { WordCache } from './word-cache.ts';

/**
 * A tokenizer of the unigram language model.
 *
 * @example
 * const tokenizer = trainTokenizer({ kind: 'unigram', vocabSize: 8000, normalizers: ['nfkc'] }, lines);
 * tokenizer.encode('new york', { sampling: { random: new Random(1, 'text'), alpha: 0.2 } });
 */
export class UnigramTokenizer extends BaseTokenizer {
  readonly kind = 'unigram' as const;
  private readonly scores: readonly number[];
  private readonly byteFallback: boolean;
  private readonly lattice: Lattice;
  private readonly cache = new WordCache<WordPieces>();

  /** @param data - a checked saved form; use `loadTokenizer` or `trainTokenizer` */
  constructor(data: Omit<UnigramData, 'vocab'>, pieces: readonly string[]) {
    super(new Vocabulary(data.specialTokens, pieces), data.normalizers);
    this.scores = data.scores;
    this.byteFallback = data.byteFallback ?? false;
    const first = this.byteFallback ? bytePieces.length : 0;
    const scores = new Float64Array(numSpecialTokens + pieces.length);
    scores.set(data.scores, numSpecialTokens);
    this.lattice = new Lattice({
      trie: new Trie(pieces.slice(first).map((piece, i) => [piece, numSpecialTokens + first + i])),
      scores,
      unk: specialIds.unk,
      unkScore: lowest(data.scores.slice(first)) - unknownPenalty,
    });
  }

  /**
   * The n most probable segmentations of a text, the best one first.
   *
   * @param n - at least 1; a text that has fewer segmentations gives them all
   */
  nBest(text: string, n: number): ScoredIds[] {
    return this.bestRows(this.split(normalizeText(text, this.normalizers)), n).map(({ row, score }) => ({
      ids: row.flatMap((pieces) => pieces.ids),
      score,
    }));
  }

  normalize(text: string): string {
    return normalizeText(text, this.normalizers);
  }

  toJSON(): UnigramData {
    const { kind, scores } = this;
    const data = { ...this.commonJSON(), kind, scores };
    return this.byteFallback ? { ...data, byteFallback: true } : data;
  }

  protected split(text: string): Word[] {
    return splitMetaspace(text);
  }

  protected encodeWord(word: string): WordPieces {
    return this.cache.get(word, (text) => this.place(text, this.lattice.build(text).best()));
  }

  protected override sampleWord(word: string, { random, alpha = 0.1 }: Sampling): WordPieces {
    return this.place(word, this.lattice.build(word).sample(alpha, random));
  }

  protected override segment(words: readonly Word[], sampling: Sampling | undefined): WordPieces[] {
    if (sampling) checkSampling(this.kind, ['alpha', 'nBest'], sampling);
    if (sampling?.nBest === undefined) return super.segment(words, sampling);
    const { random, alpha = 0.1, nBest } = sampling;
    const rows = this.bestRows(words, nBest);
    const weights = rows.map(({ score }) => Math.exp(alpha * (score - rows[0]!.score)));
    let chance = random.uniform() * weights.reduce((sum, weight) => sum + weight, 0);
    const chosen = rows.find((_, i) => (chance -= weights[i]!) < 0) ?? rows[0]!;
    return [...chosen.row];
  }

  protected join(ids: readonly number[], token: (id: number) => string): string {
    return joinMetaspace(ids, token, byteOfId(this.byteFallback));
  }

  private place(word: string, segmentation: Segmentation): WordPieces {
    const fallback = this.byteFallback ? (text: string) => unknownIds(text, true) : undefined;
    return placePieces(word, segmentation, specialIds.unk, fallback);
  }

  /** Words are cut independently, so the best texts are made of the best words. */
  private bestRows(words: readonly Word[], n: number): { row: readonly WordPieces[]; score: number }[] {
    let rows: { row: readonly WordPieces[]; score: number }[] = [{ row: [], score: 0 }];
    for (const { text } of words) {
      const ways = this.lattice.build(text).nBest(n);
      const placed = ways.map((way) => this.place(text, way));
      rows = rows
        .flatMap(({ row, score }) =>
          ways.map((way, i) => ({ row: [...row, placed[i]!], score: score + way.score })),
        )
        .sort((a, b) => b.score - a.score)
        .slice(0, n);
    }
    return rows;
  }
}

/** Kind `unigram`. */
export const unigramKind: KindDefinition<UnigramConfig, UnigramData> = {
  options: {
    ...commonOptions,
    vocabSize: mergeOptions.vocabSize,
    maxPieceLength: { type: 'count', minimum: 1, about: 'characters of the longest piece' },
    shrinkingFactor: { type: 'share', about: 'share of the pieces that each pruning keeps' },
    emSteps: { type: 'count', minimum: 1, about: 'EM steps between two prunings' },
    seedSize: { type: 'count', minimum: 1, about: 'candidates that training begins with' },
    sparsePrior: { type: 'flag', about: 'lower the counts of rare pieces; false is plain EM' },
    limitAlphabet: mergeOptions.limitAlphabet,
    byteFallback: byteFallbackOption,
  },
  clashes: ({ vocabSize }) =>
    vocabSize === undefined ? [{ path: 'vocabSize', message: 'has to be given for kind unigram' }] : [],
  train(config, common, lines) {
    const { vocabSize, byteFallback = false, limitAlphabet = Infinity } = config;
    const fixed = byteFallback ? bytePieces : [];
    const counts = countUnits(lines, common.normalizers, trainingWords);
    // Without its mark no space could come back.
    const symbols = countSymbols(counts).set(SPACE_MARK, Infinity);
    const alphabet = new Set(mostFrequent(symbols, limitAlphabet));
    const room = numSpecialTokens + fixed.length;
    if (vocabSize < room + alphabet.size) throw noRoom(vocabSize, room + alphabet.size, true);
    const never = new Set([...specialTexts(common.specialTokens), ...fixed]);
    const learned = trainUnigram(splitAtOthers(counts, alphabet), {
      numPieces: vocabSize - room,
      alphabet: [...alphabet],
      maxPieceLength: config.maxPieceLength ?? 16,
      shrinkingFactor: config.shrinkingFactor ?? 0.75,
      emSteps: config.emSteps ?? 2,
      seedSize: config.seedSize ?? 1_000_000,
      sparsePrior: config.sparsePrior ?? true,
      isForbidden: (piece) => never.has(piece),
    });
    const pieces = [...fixed, ...learned.pieces.map(({ text }) => text)];
    const scores = [...fixed.map(() => 0), ...learned.pieces.map(({ score }) => score)];
    const parts = { ...common, kind: 'unigram' as const, scores };
    return {
      parts: byteFallback ? { ...parts, byteFallback } : parts,
      pieces,
      report: { requested: vocabSize, reached: room + learned.pieces.length, reason: learned.reason },
    };
  },
  read(fields, common, pieces) {
    const scores = fields.array('scores');
    if (scores.length !== pieces.length) fields.fail(`${pieces.length} scores`, String(scores.length));
    const wrong = scores.findIndex((score) => typeof score !== 'number' || !(score <= 0));
    if (wrong >= 0)
      fields.fail(`log probabilities as scores`, `${show(scores[wrong])} for '${pieces[wrong]}'`);
    return {
      ...common,
      ...readByteFallback(fields, pieces),
      kind: 'unigram',
      scores: scores as readonly number[],
    };
  },
  create: (parts, pieces) => new UnigramTokenizer(parts, pieces),
};

/** Words without the characters that are not in the alphabet: pieces never hold or cross one. */
function splitAtOthers(
  counts: ReadonlyMap<string, number>,
  alphabet: ReadonlySet<string>,
): Map<string, number> {
  const parts = new Map<string, number>();
  for (const [word, count] of counts) {
    let part = '';
    for (const char of [...word, '']) {
      if (alphabet.has(char)) part += char;
      else if (part !== '') {
        parts.set(part, (parts.get(part) ?? 0) + count);
        part = '';
      }
    }
  }
  return parts;
}
