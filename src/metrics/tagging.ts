/**
 * Scores of tagged sentences: single tags, and the spans that tags such as `B-PER I-PER` stand for.
 *
 * A span is right when its bounds and its type are. Tags may mark beginnings (B), insides (I or M), ends (E or L) and
 * spans of one token (S, U or W); where they do not fit together, spans begin and end as conlleval has it.
 *
 * Papers: Tjong Kim Sang & Buchholz, Introduction to the CoNLL-2000 Shared Task: Chunking, 2000,
 * https://aclanthology.org/W00-0726 (conlleval); Ramshaw & Marcus 1995, https://arxiv.org/abs/cmp-lg/9505040 (IOB)
 */
import { ConfigError } from '../errors.ts';

/** Tokens that belong together. */
export interface Span {
  readonly type: string;
  /** Place of its first token. */
  readonly start: number;
  /** Place after its last token. */
  readonly end: number;
}

type Part = 'O' | 'B' | 'I' | 'E' | 'S';

/** What letters of the schemes in use mean. */
const letters: Readonly<Record<string, Part>> = {
  ...{ B: 'B', I: 'I', M: 'I', E: 'E', L: 'E', S: 'S', U: 'S', W: 'S' },
};

const spanTag = /^([BIMELSUW])-(.+)$/;

function read(tag: string | undefined): { readonly part: Part; readonly type: string } {
  const found = spanTag.exec(tag ?? 'O');
  return found ? { part: letters[found[1]!]!, type: found[2]! } : { part: 'O', type: '' };
}

/** Whether all tags are those of spans, and some span is among them. */
export function areSpanTags(tags: Iterable<string>): boolean {
  const own = [...tags].filter((tag) => tag !== 'O');
  return own.length > 0 && own.every((tag) => spanTag.test(tag));
}

/**
 * The spans of a sentence, in order.
 *
 * @example
 * spansOf(['B-PER', 'I-PER', 'O', 'S-LOC']); // [{ type: 'PER', start: 0, end: 2 }, { type: 'LOC', start: 3, end: 4 }]
 */
export function spansOf(tags: readonly string[]): Span[] {
  const spans: Span[] = [];
  let start: number | undefined;
  for (let i = 0; i <= tags.length; i++) {
    const [before, now] = [read(tags[i - 1]), read(tags[i])];
    const isOther = before.type !== now.type || before.part === 'E' || before.part === 'S';
    const isNew = isOther || now.part === 'B' || now.part === 'S';
    if (start !== undefined && isNew) {
      spans.push({ type: before.type, start, end: i });
      start = undefined;
    }
    if (now.part !== 'O' && isNew) start = i;
  }
  return spans;
}

/** Scores in percent. */
export interface TaggingScores {
  /** Of single tags. */
  readonly accuracy: number;
  /** Of the spans that were found, those that are right; 0 where none was found. */
  readonly precision: number;
  /** Of the spans that are there, those that were found. */
  readonly recall: number;
  /** `2 P R / (P + R)`; 0 where no span is right. */
  readonly f1: number;
}

/**
 * Compares tags with the right ones.
 *
 * @param found - tags of each sentence
 * @param right - the same for the right ones, of the same lengths
 * @throws ConfigError when sentences or tags are missing
 * @example
 * taggingScores([['B-PER', 'O']], [['B-PER', 'I-PER']]); // accuracy 50, f1 0
 */
export function taggingScores(
  found: readonly (readonly string[])[],
  right: readonly (readonly string[])[],
): TaggingScores {
  const count = (all: readonly (readonly unknown[])[]): number => all.reduce((n, own) => n + own.length, 0);
  const at = right.findIndex((tags, i) => tags.length !== found[i]?.length);
  if (at >= 0 || found.length !== right.length) {
    const expected = at >= 0 ? `${right[at]!.length} tags in sentence ${at}` : `${right.length} sentences`;
    const got = String(at >= 0 ? (found[at]?.length ?? 'no such sentence') : found.length);
    throw new ConfigError({ where: 'taggingScores', expected, got });
  }
  const key = ({ type, start, end }: Span): string => `${start} ${end} ${type}`;
  const [foundSpans, rightSpans] = [found, right].map((all) => all.map((tags) => spansOf(tags).map(key)));
  const hits = foundSpans!.map((own, i) => own.filter((span) => rightSpans![i]!.includes(span)));
  const same = right.map((tags, i) => tags.filter((tag, t) => tag === found[i]![t]));
  const share = (part: number, whole: number): number => (whole === 0 ? 0 : (100 * part) / whole);
  const [precision, recall] = [foundSpans!, rightSpans!].map((all) => share(count(hits), count(all)));
  const f1 = share(2 * count(hits), count(foundSpans!) + count(rightSpans!));
  return { accuracy: share(count(same), count(right)), precision: precision!, recall: recall!, f1 };
}
