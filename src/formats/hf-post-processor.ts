/** The post-processor of a Hugging Face tokenizer.json: begin and end tokens, and offsets without spaces. */
import { FormatError } from '../errors.ts';
import type { Component } from './hf-normalizers.ts';

/** What a post-processor asks for. */
export interface PostProcessor {
  /** Ids before and after a single text. */
  readonly before: readonly number[];
  readonly after: readonly number[];
  /** Present when offsets leave white space out. */
  readonly trim?: { readonly addPrefixSpace: boolean };
}

/** @throws FormatError for a post-processor that is not supported */
export function readPostProcessor(component: Component | null, file: string): PostProcessor {
  if (!component) return { before: [], after: [] };
  const addPrefixSpace = component.add_prefix_space !== false;
  const trim = component.trim_offsets === false ? {} : { trim: { addPrefixSpace } };
  switch (component.type) {
    case 'ByteLevel':
      return { before: [], after: [], ...trim };
    case 'RobertaProcessing':
      return { ...readEnds(component), ...trim };
    case 'BertProcessing':
      return readEnds(component);
    case 'TemplateProcessing':
      return readTemplate(component, file);
  }
  const expected = 'post-processor ByteLevel, RobertaProcessing, BertProcessing or TemplateProcessing';
  throw new FormatError({ where: file, file, expected, got: component.type });
}

function readEnds(component: Component): PostProcessor {
  const { cls, sep } = component as unknown as { cls: [string, number]; sep: [string, number] };
  return { before: [cls[1]], after: [sep[1]] };
}

interface TemplatePart {
  readonly SpecialToken?: { readonly id: string };
  readonly Sequence?: { readonly id: string };
}

/** The special tokens around the text in the template of a single one. */
function readTemplate(component: Component, file: string): PostProcessor {
  const { single = [], special_tokens: tokens = {} } = component as unknown as {
    single?: readonly TemplatePart[];
    special_tokens?: Readonly<Record<string, { readonly ids?: readonly number[] }>>;
  };
  const place = single.findIndex((part) => part.Sequence);
  const ids = (parts: readonly TemplatePart[]): number[] =>
    parts.flatMap(({ SpecialToken: token }) => {
      const known = token && Object.hasOwn(tokens, token.id) ? tokens[token.id]!.ids : undefined;
      if (known) return known;
      const got = JSON.stringify(token) ?? 'a second text';
      throw new FormatError({
        where: file,
        file,
        expected: 'a template of special tokens and one text',
        got,
      });
    });
  if (place < 0) {
    const expected = 'a template with the text in it';
    throw new FormatError({ where: file, file, expected, got: JSON.stringify(single) });
  }
  return { before: ids(single.slice(0, place)), after: ids(single.slice(place + 1)) };
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
