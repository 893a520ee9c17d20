/**
 * Tagged sentences: a token and its tag on each line, a blank line after each sentence, as in CoNLL-2003.
 *
 * Paper: Tjong Kim Sang & De Meulder, Introduction to the CoNLL-2003 Shared Task, 2003,
 * https://arxiv.org/abs/cs/0306050
 */
import { readLines } from './lines.ts';
import { ProblemList } from './problems.ts';

/** A sentence with a tag for each token. */
export interface TaggedSentence {
  readonly tokens: readonly string[];
  readonly tags: readonly string[];
  /** Line of the first token, from 1. */
  readonly line: number;
}

/** Tokens `[start, end)` that are one entity. */
export interface EntitySpan {
  readonly type: string;
  readonly start: number;
  readonly end: number;
}

/**
 * The sentences of a file. Columns are separated by white space; the first is the token, the last its tag.
 *
 * @throws {DataError} naming the first ten lines without a tag
 * @example
 * const [{ tokens, tags }] = readConll('train.conll');
 */
export function readConll(path: string): TaggedSentence[] {
  const problems = new ProblemList(path, 'a token and its tag on each line, a blank line between sentences');
  const sentences: { tokens: string[]; tags: string[]; line: number }[] = [];
  let isOpen = false;
  for (const [i, text] of readLines(path).entries()) {
    const cells = text.trim().split(/\s+/u);
    if (cells[0] === '') isOpen = false;
    else if (cells.length < 2) problems.add(i + 1, `expected a token and its tag, got "${cells[0]}" alone`);
    else {
      if (!isOpen) sentences.push({ tokens: [], tags: [], line: i + 1 });
      isOpen = true;
      sentences.at(-1)!.tokens.push(cells[0]!);
      sentences.at(-1)!.tags.push(cells.at(-1)!);
    }
  }
  problems.throwIfAny();
  return sentences;
}

/**
 * The entities that tags mark: B begins one, I and M go on, E and L end it, S and U are one by themselves (BIO, BIOES,
 * BMES, BILOU). As the shared task's own script has it, a tag that goes on with nothing begins an entity.
 *
 * @example
 * entitySpans(['B-PER', 'I-PER', 'O', 'S-LOC']); // PER 0 to 2, LOC 3 to 4
 */
export function entitySpans(tags: readonly string[]): EntitySpan[] {
  const spans: { type: string; start: number; end: number }[] = [];
  let open: string | undefined;
  for (const [i, tag] of tags.entries()) {
    const [prefix, type] = tag === 'O' ? ['O', ''] : [tag.slice(0, 1), tag.slice(2)];
    if (prefix === 'O') {
      open = undefined;
      continue;
    }
    const isNew = 'BSU'.includes(prefix) || open !== type;
    if (isNew) spans.push({ type, start: i, end: i + 1 });
    else spans.at(-1)!.end = i + 1;
    open = 'ELSU'.includes(prefix) ? undefined : type;
  }
  return spans;
}
