/** The post-processor of a Hugging Face tokenizer.json: begin and end tokens, and offsets without spaces. */
import { FormatError } from '../errors.ts';
import type { Component } from './hf-pipeline.ts';

/** What a post-processor asks for. */
export interface PostProcessor {
  readonly ids: { readonly bos?: number; readonly eos?: number };
  /** Present when offsets leave white space out. */
  readonly trim?: { readonly addPrefixSpace: boolean };
}

/** @throws FormatError for a post-processor that is not supported */
export function readPostProcessor(component: Component | null, file: string): PostProcessor {
  if (!component) return { ids: {} };
  const addPrefixSpace = component.add_prefix_space !== false;
  const trim = component.trim_offsets === false ? {} : { trim: { addPrefixSpace } };
  if (component.type === 'ByteLevel') return { ids: {}, ...trim };
  if (component.type === 'RobertaProcessing') {
    const { cls, sep } = component as unknown as { cls: [string, number]; sep: [string, number] };
    return { ids: { bos: cls[1], eos: sep[1] }, ...trim };
  }
  const expected = 'post-processor ByteLevel or RobertaProcessing';
  throw new FormatError({ where: file, file, expected, got: component.type });
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
