/**
 * Two texts as one input: special tokens around and between them, cut to a length and filled up to one, as Hugging
 * Face's library does.
 */
import { ConfigError, TokenizerError } from '../errors.ts';
import type { Encoding } from '../tokenizers/types.ts';

/** How two texts are cut and filled up. */
export interface PairOptions {
  /** Longest input, special tokens included; nothing is cut by default. */
  readonly maxLength?: number;
  /** Tokens that a cut-off part has in common with the one before. Default 0. */
  readonly stride?: number;
  /** Which text is cut: the longer one, as far as they are not equal, then both (the default), or always one. */
  readonly truncate?: 'longestFirst' | 'onlyFirst' | 'onlySecond';
  /** Fill up to this length with `padId`. */
  readonly padTo?: number;
  /** Default 0. */
  readonly padId?: number;
}

/** One input made of two texts. */
export interface PairEncoding extends Encoding {
  /** 0 and 1 for the parts of the input, as the file's template says. */
  readonly typeIds: number[];
  /** 1 for tokens, 0 for what was filled up. */
  readonly attentionMask: number[];
  /** 1 for tokens that stand for no text. */
  readonly specialTokensMask: number[];
  /** What was cut off: every later part of the first text with every part of the second, then the rest. */
  readonly overflowing: PairEncoding[];
}

/** A part of a template: special tokens, or one of the two texts. */
export type PairPart =
  | { readonly ids: readonly number[]; readonly typeId: number }
  | { readonly text: 0 | 1; readonly typeId: number };

/**
 * Puts two encodings into a template.
 *
 * @param where - named in errors
 * @throws TokenizerError when the text that is to be cut is too short for that
 * @throws ConfigError when the lengths leave no room, or the stride is too long
 */
export function joinPair(
  first: Encoding,
  second: Encoding,
  template: readonly PairPart[],
  options: PairOptions,
  where: string,
): PairEncoding {
  const added = template.reduce((sum, part) => sum + ('ids' in part ? part.ids.length : 0), 0);
  const lengths = cutLengths([first.ids.length, second.ids.length], added, options, where);
  const [firsts, seconds] = [first, second].map((encoding, i) =>
    cutParts(encoding, lengths[i]!, options.stride ?? 0, where),
  ) as [Encoding[], Encoding[]];
  const fill = (a: Encoding, b: Encoding): PairEncoding => padded(filled(template, [a, b]), options);
  const overflowing = [
    ...firsts.slice(1).flatMap((a) => seconds.map((b) => fill(a, b))),
    ...seconds.slice(1).map((b) => fill(firsts[0]!, b)),
  ];
  return { ...fill(firsts[0]!, seconds[0]!), overflowing };
}

/** How many tokens of each text are kept. */
function cutLengths(
  [first, second]: readonly [number, number],
  added: number,
  { maxLength = Infinity, truncate = 'longestFirst' }: PairOptions,
  where: string,
): readonly [number, number] {
  const room = maxLength - added;
  const excess = first + second - room;
  if (excess <= 0) return [first, second];
  if (room < 0) {
    const expected = `maxLength of at least ${added}, the special tokens`;
    throw new ConfigError({ where, expected, got: String(maxLength) });
  }
  if (truncate === 'longestFirst') return longestFirst(first, second, room);
  const length = truncate === 'onlyFirst' ? first : second;
  if (length <= excess) {
    throw new TokenizerError({
      where,
      expected: `a ${truncate === 'onlyFirst' ? 'first' : 'second'} text of more than ${excess} tokens to cut`,
      got: String(length),
      hint: "raise maxLength, or cut the longer text: truncate 'longestFirst'",
    });
  }
  return truncate === 'onlyFirst' ? [first - excess, second] : [first, second - excess];
}

/** The longer text loses tokens until both are equal; then both, and the longer one keeps the odd one. */
function longestFirst(first: number, second: number, room: number): readonly [number, number] {
  const shorter = Math.min(first, second);
  let short = shorter;
  let long = Math.max(shorter, room - shorter);
  if (short + long > room) {
    short = Math.floor(room / 2);
    long = room - short;
  }
  return first > second ? [long, short] : [short, long];
}

/** Windows of `length` tokens, each `stride` tokens into the one before, until the end is reached. */
function cutParts({ ids, offsets }: Encoding, length: number, stride: number, where: string): Encoding[] {
  if (length >= ids.length) return [{ ids, offsets }];
  if (length === 0)
    return [
      { ids: [], offsets: [] },
      { ids, offsets },
    ];
  if (stride >= length) {
    throw new ConfigError({
      where,
      expected: `stride below ${length}, what is kept of a text`,
      got: String(stride),
    });
  }
  const parts: Encoding[] = [];
  for (let start = 0, end = 0; end < ids.length; start += length - stride) {
    end = Math.min(start + length, ids.length);
    parts.push({ ids: ids.slice(start, end), offsets: offsets.slice(start, end) });
  }
  return parts;
}

function filled(template: readonly PairPart[], texts: readonly [Encoding, Encoding]): PairEncoding {
  const encoding: PairEncoding = {
    ids: [],
    offsets: [],
    typeIds: [],
    attentionMask: [],
    specialTokensMask: [],
    overflowing: [],
  };
  for (const part of template) {
    const isText = 'text' in part;
    const ids = isText ? texts[part.text].ids : part.ids;
    ids.forEach((id, i) => {
      const offset: [number, number] = isText ? texts[part.text].offsets[i]! : [0, 0];
      push(encoding, { id, offset, typeId: part.typeId, attention: 1, special: isText ? 0 : 1 });
    });
  }
  return encoding;
}

function padded(encoding: PairEncoding, { padTo = 0, padId = 0 }: PairOptions): PairEncoding {
  while (encoding.ids.length < padTo) {
    push(encoding, { id: padId, offset: [0, 0], typeId: 0, attention: 0, special: 1 });
  }
  return encoding;
}

interface PairToken {
  readonly id: number;
  readonly offset: [number, number];
  readonly typeId: number;
  readonly attention: number;
  readonly special: number;
}

function push(encoding: PairEncoding, { id, offset, typeId, attention, special }: PairToken): void {
  encoding.ids.push(id);
  encoding.offsets.push(offset);
  encoding.typeIds.push(typeId);
  encoding.attentionMask.push(attention);
  encoding.specialTokensMask.push(special);
}
