/**
 * Tagged sentences in columns: a token and its tags on each line, an empty line after each sentence.
 *
 * Format: Tjong Kim Sang & Buchholz 2000, https://aclanthology.org/W00-0726
 */
import { readLines } from './lines.ts';
import { ProblemList } from './problems.ts';

/** A sentence with a tag for each token. */
export interface TaggedSentence {
  readonly tokens: readonly string[];
  readonly tags: readonly string[];
  /** Line of its first token, from 1. */
  readonly line: number;
}

/** Which columns are read. */
export interface ConllOptions {
  /** Column of the tokens, from 0. Default 0. */
  readonly token?: number | undefined;
  /** Column of the tags; the last one by default. */
  readonly tag?: number | undefined;
}

/** What CoNLL-2003 puts between documents. */
const BETWEEN_DOCUMENTS = '-DOCSTART-';

/** The cells of a line, separated by tabs where it has some, else by spaces. */
function cellsOf(line: string): string[] {
  return line.includes('\t') ? line.split('\t') : line.trim().split(/ +/);
}

/**
 * Sentences of a file in columns. Sentences of `-DOCSTART-` are left out.
 *
 * @throws {DataError} naming the first ten lines that lack a column, or have not as many as the first line
 * @example
 * const [{ tokens, tags }] = readConll('train.conll');
 */
export function readConll(path: string, { token = 0, tag }: ConllOptions = {}): TaggedSentence[] {
  const problems = new ProblemList(path, 'a line is a token and its tags; an empty line ends a sentence');
  const sentences: TaggedSentence[] = [];
  let open: { tokens: string[]; tags: string[]; line: number } | undefined;
  let columns: number | undefined;
  for (const [i, line] of readLines(path).entries()) {
    if (line.trim() === '') {
      open = undefined;
      continue;
    }
    const cells = cellsOf(line);
    const needed = Math.max(token + 1, (tag ?? 1) + 1, 2);
    columns ??= cells.length;
    if (cells.length < needed)
      problems.add(i + 1, `expected at least ${needed} columns, got ${cells.length}`);
    else if (cells.length !== columns)
      problems.add(i + 1, `expected ${columns} columns, as the first line has, got ${cells.length}`);
    const [own, ownTag] = [cells[token] ?? '', cells[tag ?? cells.length - 1] ?? ''];
    if (cells.length >= needed && (own === '' || ownTag === ''))
      problems.add(i + 1, `expected a token and a tag, got ${JSON.stringify(line)}`);
    if (!open) {
      open = { tokens: [], tags: [], line: i + 1 };
      if (own !== BETWEEN_DOCUMENTS) sentences.push(open);
    }
    open.tokens.push(own);
    open.tags.push(ownTag);
  }
  problems.throwIfAny();
  return sentences;
}
