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

const hint = 'a word has ten columns separated by tabs; HEAD, the seventh, makes a tree';

/** Puts lines together to sentences. */
class SentenceReader {
  private readonly problems: ProblemList;
  private words: WordLine[] = [];
  private line = 0;

  constructor(problems: ProblemList) {
    this.problems = problems;
  }

  /** Takes the next line; the sentence that it ends, if there is one and nothing was wrong with it. */
  push(text: string): DependencySentence | undefined {
    this.line++;
    const cells = text.split('\t');
    if (text.trim() === '') return this.end();
    if (text.startsWith('#')) return undefined;
    if (cells.length !== COLUMNS)
      this.problems.add(this.line, `expected ${COLUMNS} columns, got ${cells.length}`);
    else if (!/[-.]/.test(cells[ID]!)) this.words.push({ line: this.line, cells });
    return undefined;
  }

  /** The sentence that the end of the file ends. */
  end(): DependencySentence | undefined {
    const sentence = this.words.length > 0 ? sentenceOf(this.words, this.problems) : undefined;
    this.words = [];
    return sentence;
  }
}

/**
 * Sentences of a CoNLL-U file. Comments, ranges of words (`1-2`) and empty nodes (`1.1`) are left out.
 *
 * @throws {DataError} naming the first ten lines that have no ten columns or no usable head, or whose sentence is no tree
 * @example
 * const [{ words, heads }] = readConllu('en_ewt-ud-dev.conllu');
 */
export function readConllu(path: string): DependencySentence[] {
  const problems = new ProblemList(path, hint);
  const reader = new SentenceReader(problems);
  const sentences = [...readLines(path).map((line) => reader.push(line)), reader.end()];
  problems.throwIfAny();
  return sentences.filter((sentence) => sentence !== undefined);
}

/**
 * The sentences of lines as they come.
 *
 * @param name - of their file, for errors
 * @throws {DataError} as `readConllu`, after the sentences before the one that has a fault
 */
export async function* streamConllu(
  lines: AsyncIterable<string>,
  name: string,
): AsyncGenerator<DependencySentence> {
  const problems = new ProblemList(name, hint);
  const reader = new SentenceReader(problems);
  const checked = function* (sentence: DependencySentence | undefined): Generator<DependencySentence> {
    problems.throwIfAny();
    if (sentence) yield sentence;
  };
  for await (const line of lines) yield* checked(reader.push(line));
  yield* checked(reader.end());
}
