/**
 * Dependency trees from CoNLL-U files.
 *
 * Format: https://universaldependencies.org/format.html
 */
import { readLines } from './lines.ts';
import { ProblemList } from './problems.ts';

/** A sentence with its dependency tree. */
export interface DependencySentence {
  readonly words: readonly string[];
  /** For each word the place of its head, counted from 0; −1 for the root. */
  readonly heads: readonly number[];
  /** For each word the name of its relation to its head. */
  readonly relations: readonly string[];
}

const COLUMNS = 10;
const [ID, FORM, HEAD, RELATION] = [0, 1, 6, 7] as const;

/** A line of a word: where it stands in the file, and its columns. */
interface WordLine {
  readonly line: number;
  readonly cells: readonly string[];
}

/** What keeps the words of a sentence from being a tree, with the line that shows it. */
function treeFault(words: readonly WordLine[], heads: readonly number[]): [number, string] | undefined {
  const roots = heads.flatMap((head, i) => (head === -1 ? [i] : []));
  if (roots.length !== 1) {
    const line = words[roots[1] ?? 0]!.line;
    return [line, `expected a tree with one root (HEAD 0), got ${roots.length} in this sentence`];
  }
  for (let word = 0; word < heads.length; word++) {
    let at = word;
    for (let steps = 0; at !== -1; steps++) {
      if (steps > heads.length)
        return [words[word]!.line, `expected a tree, got a circle of heads above word ${word + 1}`];
      at = heads[at]!;
    }
  }
  return undefined;
}

/** The words of a sentence; undefined when something was wrong with them. */
function sentenceOf(words: readonly WordLine[], problems: ProblemList): DependencySentence | undefined {
  let isFine = true;
  const fail = (line: number, message: string): void => {
    isFine = false;
    problems.add(line, message);
  };
  const heads = words.map(({ line, cells }, i) => {
    if (cells[ID] !== String(i + 1)) fail(line, `expected word ${i + 1}, got ID ${cells[ID]}`);
    const head = /^\d+$/.test(cells[HEAD]!) ? Number(cells[HEAD]) : Number.NaN;
    if (!(head <= words.length)) fail(line, `expected a HEAD from 0 to ${words.length}, got ${cells[HEAD]}`);
    return head - 1;
  });
  if (!isFine) return undefined;
  const fault = treeFault(words, heads);
  if (fault) fail(...fault);
  const column = (at: number): string[] => words.map(({ cells }) => cells[at]!);
  return fault ? undefined : { words: column(FORM), heads, relations: column(RELATION) };
}

/**
 * Sentences of a CoNLL-U file. Comments, ranges of words (`1-2`) and empty nodes (`1.1`) are left out.
 *
 * @throws {DataError} naming the first ten lines that have no ten columns or no usable head, or whose sentence is no tree
 * @example
 * const [{ words, heads }] = readConllu('en_ewt-ud-dev.conllu');
 */
export function readConllu(path: string): DependencySentence[] {
  const problems = new ProblemList(
    path,
    'a word has ten columns separated by tabs; HEAD, the seventh, makes a tree',
  );
  const sentences: DependencySentence[] = [];
  let words: WordLine[] = [];
  const finish = (): void => {
    const sentence = words.length > 0 ? sentenceOf(words, problems) : undefined;
    if (sentence) sentences.push(sentence);
    words = [];
  };
  for (const [i, text] of readLines(path).entries()) {
    const cells = text.split('\t');
    if (text.trim() === '') finish();
    else if (text.startsWith('#')) continue;
    else if (cells.length !== COLUMNS)
      problems.add(i + 1, `expected ${COLUMNS} columns, got ${cells.length}`);
    else if (!/[-.]/.test(cells[ID]!)) words.push({ line: i + 1, cells });
  }
  finish();
  problems.throwIfAny();
  return sentences;
}
