/** The post-processor of a Hugging Face tokenizer.json: begin and end tokens, and offsets without spaces. */
import { FormatError } from '../errors.ts';
import type { Component } from './hf-normalizers.ts';
import type { PairPart } from './hf-pairs.ts';

/** What a post-processor asks for. */
export interface PostProcessor {
  /** Ids before and after a single text. */
  readonly before: readonly number[];
  readonly after: readonly number[];
  /** Where two texts go. */
  readonly pair: readonly PairPart[];
  /** Present when offsets leave white space out. */
  readonly trim?: { readonly addPrefixSpace: boolean };
}

const plainPair: readonly PairPart[] = [
  { text: 0, typeId: 0 },
  { text: 1, typeId: 1 },
];

/** @throws FormatError for a post-processor that is not supported */
export function readPostProcessor(component: Component | null, file: string): PostProcessor {
  if (!component) return { before: [], after: [], pair: plainPair };
  const addPrefixSpace = component.add_prefix_space !== false;
  const trim = component.trim_offsets === false ? {} : { trim: { addPrefixSpace } };
  switch (component.type) {
    case 'ByteLevel':
      return { before: [], after: [], pair: plainPair, ...trim };
    case 'RobertaProcessing':
      return { ...readEnds(component, 'twoSeparators'), ...trim };
    case 'BertProcessing':
      return readEnds(component, 'oneSeparator');
    case 'TemplateProcessing':
      return readTemplate(component, file);
  }
  const expected = 'post-processor ByteLevel, RobertaProcessing, BertProcessing or TemplateProcessing';
  throw new FormatError({ where: file, file, expected, got: component.type });
}

/** `<s> A </s></s> B </s>` all of one type, or `[CLS] A [SEP]` of type 0 and `B [SEP]` of type 1. */
function readEnds(component: Component, form: 'oneSeparator' | 'twoSeparators'): PostProcessor {
  const { cls, sep } = component as unknown as { cls: [string, number]; sep: [string, number] };
  const [before, after] = [[cls[1]], [sep[1]]];
  const isOne = form === 'oneSeparator';
  const typeId = isOne ? 1 : 0;
  const pair: PairPart[] = [
    { ids: before, typeId: 0 },
    { text: 0, typeId: 0 },
    { ids: isOne ? after : [...after, ...after], typeId: 0 },
    { text: 1, typeId },
    { ids: after, typeId },
  ];
  return { before, after, pair };
}

interface TemplatePart {
  readonly SpecialToken?: { readonly id: string; readonly type_id: number };
  readonly Sequence?: { readonly id: string; readonly type_id: number };
}

/** The templates of a single text and of two. */
function readTemplate(component: Component, file: string): PostProcessor {
  const {
    single = [],
    pair = [],
    special_tokens: tokens = {},
  } = component as unknown as {
    single?: readonly TemplatePart[];
    pair?: readonly TemplatePart[];
    special_tokens?: Readonly<Record<string, { readonly ids?: readonly number[] }>>;
  };
  const part = ({ SpecialToken: token, Sequence: sequence }: TemplatePart): PairPart => {
    if (sequence) return { text: sequence.id === 'A' ? 0 : 1, typeId: sequence.type_id };
    const ids = token && Object.hasOwn(tokens, token.id) ? tokens[token.id]!.ids : undefined;
    if (ids) return { ids, typeId: token!.type_id };
    const got = JSON.stringify(token) ?? 'nothing';
    throw new FormatError({ where: file, file, expected: 'a template of texts and special tokens', got });
  };
  const parts = single.map(part);
  const place = parts.findIndex((item) => 'text' in item);
  const ends = (items: readonly PairPart[]): number[] =>
    items.flatMap((item) => ('ids' in item ? item.ids : []));
  if (place < 0) {
    const expected = 'a template with the text in it';
    throw new FormatError({ where: file, file, expected, got: JSON.stringify(single) });
  }
  return { before: ends(parts.slice(0, place)), after: ends(parts.slice(place + 1)), pair: pair.map(part) };
}

const spaceRun = /^[Ġ\p{White_Space}]*/u;

/**
 * Moves the ends of a span over the spaces that a byte-level token begins and ends with, in place.
 *
 * @param addPrefixSpace - the first space of a text was not in the text
 */
export function trimOffsets(
  token: string,
  span: [number, number],
  isFirst: boolean,
  addPrefixSpace: boolean,
): void {
  let leading = spaceRun.exec(token)![0].length;
  const trailing = spaceRun.exec([...token].reverse().join(''))![0].length;
  if (leading > 0 && addPrefixSpace && (isFirst || span[0] === 0)) leading--;
  span[0] = Math.min(span[0] + leading, span[1]);
  if (span[1] >= trailing) span[1] = Math.max(span[1] - trailing, span[0]);
}
