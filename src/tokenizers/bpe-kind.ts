/** Kind `bpe`: its options, training and saved form. */
import type { ConfigIssue } from '../errors.ts';
import { ByteLevelBpeTokenizer, EndOfWordBpeTokenizer, MetaspaceBpeTokenizer } from './bpe.ts';
import { type BpeTrainingOptions, trainBpe } from './bpe-trainer.ts';
import { byteToChar, pieceBytes, toByteChars } from './byte-alphabet.ts';
import { countUnits, mergeReport, noRoom } from './counting.ts';
import type { KindDefinition } from './kind.ts';
import { bytePieces, readByteFallback, SPACE_MARK, trainingWords } from './metaspace.ts';
import { byteFallbackOption, commonOptions, mergeOptions } from './options.ts';
import { preTokenizerNames, splitWords } from './pre-tokenize.ts';
import { type SavedFields, show } from './saved-fields.ts';
import { numSpecialTokens, resolveSpecialTokens, specialTexts } from './special-tokens.ts';
import type { BpeConfig, BpeData, Merge, PreTokenizerName, SpecialTokens } from './types.ts';

/** The mark that ends a word unless another one is set. */
const defaultEndOfWord = '</w>';

/** Kind `bpe`. */
export const bpeKind: KindDefinition<BpeConfig, BpeData> = {
  options: {
    ...commonOptions,
    ...mergeOptions,
    preTokenizer: { type: 'name', names: preTokenizerNames, about: 'how text is split into words' },
    endOfWord: { type: 'text', about: 'mark of the end of a word' },
    byteFallback: byteFallbackOption,
  },
  clashes,
  train(config, common, lines) {
    const { preTokenizer = 'whitespace', vocabSize } = config;
    const form = wordForm(config);
    const counts = countUnits(lines, common.normalizers, form.split);
    const learned = trainBpe(form.spell ? spelled(counts, form.spell) : counts, {
      ...form.options,
      limitAlphabet: config.limitAlphabet,
      mergesPerStep: config.mergesPerStep,
      maxPieces: vocabSize === undefined ? Infinity : vocabSize - numSpecialTokens - form.fixed.length,
      maxMerges: config.numMerges ?? Infinity,
      minFrequency: config.minFrequency ?? 2,
      isForbidden: forbidden(common.specialTokens, form.fixed, preTokenizer),
    });
    const pieces = [...form.fixed, ...learned.pieces];
    const reached = pieces.length + numSpecialTokens;
    if (vocabSize !== undefined && reached > vocabSize) {
      throw noRoom(vocabSize, reached, preTokenizer !== 'byteLevel');
    }
    const parts = { ...common, ...form.saved, kind: 'bpe' as const, preTokenizer, merges: learned.merges };
    return { parts, pieces, report: mergeReport(config, reached, learned) };
  },
  read: readBpe,
  create(parts, pieces) {
    if (parts.preTokenizer === 'byteLevel') return new ByteLevelBpeTokenizer(parts, pieces);
    if (parts.preTokenizer === 'metaspace') return new MetaspaceBpeTokenizer(parts, pieces);
    return new EndOfWordBpeTokenizer({ ...parts, endOfWord: parts.endOfWord ?? defaultEndOfWord }, pieces);
  },
};

/** What differs between bytes, spaces as ▁, and words with an end. */
interface WordForm {
  readonly split: (text: string) => string[];
  /** A word in the symbols that merging sees, where they are not its code points. */
  readonly spell?: (word: string) => string;
  /** Pieces that stand before those that are learned. */
  readonly fixed: readonly string[];
  readonly options: Pick<BpeTrainingOptions, 'endOfWord' | 'alphabet'>;
  readonly saved: Pick<BpeData, 'endOfWord' | 'byteFallback'>;
}

function wordForm({
  preTokenizer = 'whitespace',
  endOfWord = defaultEndOfWord,
  byteFallback = false,
}: BpeConfig): WordForm {
  if (preTokenizer === 'metaspace') {
    return {
      split: trainingWords,
      fixed: byteFallback ? bytePieces : [],
      options: { endOfWord: '', alphabet: SPACE_MARK },
      saved: byteFallback ? { byteFallback } : {},
    };
  }
  const words = (text: string) => splitWords(text, preTokenizer).map((word) => word.text);
  if (preTokenizer !== 'byteLevel') {
    return { split: words, fixed: [endOfWord], options: { endOfWord }, saved: { endOfWord } };
  }
  return {
    split: words,
    spell: toByteChars,
    fixed: [],
    options: { endOfWord: '', alphabet: byteToChar },
    saved: {},
  };
}

function spelled(counts: ReadonlyMap<string, number>, spell: (word: string) => string): Map<string, number> {
  return new Map([...counts].map(([word, count]) => [spell(word), count]));
}

function forbidden(
  specialTokens: SpecialTokens<string>,
  fixed: readonly string[],
  preTokenizer: PreTokenizerName,
): (piece: string) => boolean {
  const texts = specialTexts(specialTokens);
  const never = new Set([
    ...texts,
    ...fixed,
    ...(preTokenizer === 'byteLevel' ? texts.map(toByteChars) : []),
  ]);
  return (piece) => never.has(piece);
}

function clashes(config: BpeConfig): ConfigIssue[] {
  const issues: ConfigIssue[] = [];
  const { preTokenizer = 'whitespace', endOfWord } = config;
  if ((config.vocabSize === undefined) === (config.numMerges === undefined)) {
    issues.push({ path: 'vocabSize', message: 'give vocabSize or numMerges, one of the two' });
  }
  const byteLevel = preTokenizer === 'byteLevel';
  const hasEnd = !byteLevel && preTokenizer !== 'metaspace';
  if (byteLevel && config.limitAlphabet !== undefined) {
    issues.push({ path: 'limitAlphabet', message: 'has no place at the byte level' });
  }
  if (!hasEnd && endOfWord !== undefined) {
    issues.push({
      path: 'endOfWord',
      message: `has no place ${byteLevel ? 'at the byte level' : 'beside ▁'}`,
    });
  }
  if (config.byteFallback && preTokenizer !== 'metaspace') {
    issues.push({ path: 'byteFallback', message: 'needs preTokenizer metaspace' });
  }
  const problem = endOfWord === undefined ? undefined : endOfWordProblem(endOfWord);
  if (problem) issues.push({ path: 'endOfWord', message: `expected ${problem}` });
  const ending = specialTexts(resolveSpecialTokens(config.specialTokens)).find((text) =>
    text.endsWith(endOfWord ?? defaultEndOfWord),
  );
  if (ending !== undefined && hasEnd) {
    issues.push({ path: 'specialTokens', message: `"${ending}" ends in the end-of-word mark` });
  }
  return issues;
}

/** What an end-of-word mark must be, when this is not one: one character could not be told from the text's own. */
function endOfWordProblem(mark: unknown): string | undefined {
  const fits = typeof mark === 'string' && /^\P{White_Space}{2,}$/u.test(mark);
  return fits ? undefined : 'at least two characters without white space';
}

function readBpe(
  fields: SavedFields,
  common: Parameters<typeof bpeKind.read>[1],
  pieces: readonly string[],
): Omit<BpeData, 'vocab'> {
  const preTokenizer = fields.name('preTokenizer', preTokenizerNames);
  const known = new Set(pieces);
  const merges = fields.merges(known, ([left, right]) => left + right);
  const parts = { ...common, kind: 'bpe' as const, preTokenizer, merges };
  if (preTokenizer === 'byteLevel') {
    checkByteLevel(fields, pieces, known);
    return parts;
  }
  if (preTokenizer === 'metaspace') return { ...parts, ...readByteFallback(fields, pieces) };
  const endOfWord = fields.get('endOfWord') as string;
  const problem = endOfWordProblem(endOfWord);
  if (problem) fields.fail(`endOfWord of ${problem}`, show(endOfWord), 'the usual mark is </w>');
  if (!known.has(endOfWord)) {
    fields.fail(`${show(endOfWord)} in vocab`, 'no such piece', 'the file is damaged');
  }
  checkEnds(fields, merges, endOfWord);
  return { ...parts, endOfWord };
}

function checkEnds(fields: SavedFields, merges: readonly Merge[], endOfWord: string): void {
  merges.forEach(([left, right], rank) => {
    if ((left + right).endsWith(endOfWord) && !right.endsWith(endOfWord)) {
      fields.fail(`merge ${rank} to leave ${show(endOfWord)} at ends of words`, show(left + right));
    }
  });
}

function checkByteLevel(fields: SavedFields, pieces: readonly string[], known: ReadonlySet<string>): void {
  const missing = byteToChar.find((char) => !known.has(char));
  if (missing !== undefined) fields.fail('all 256 bytes in vocab', `no piece ${show(missing)}`);
  const foreign = pieces.find((piece) => pieceBytes(piece) === undefined);
  if (foreign !== undefined) fields.fail('pieces of the byte alphabet', show(foreign));
}
