/** Writes small SentencePiece models: the wire format of protocol buffers, as far as they use it. */

/** A field: its number, and a whole number, a 32-bit number, a text, or fields of its own. */
export type WireField = readonly [
  number: number,
  value: number | { readonly float: number } | string | Uint8Array,
];

function varint(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) + 128);
  return [...bytes, rest];
}

/** The bytes of a message. */
export function message(fields: readonly WireField[]): Uint8Array {
  const bytes = fields.flatMap(([number, value]) => {
    if (typeof value === 'number') return [...varint(number * 8), ...varint(value)];
    if (typeof value === 'object' && 'float' in value) {
      return [...varint(number * 8 + 5), ...new Uint8Array(Float32Array.of(value.float).buffer)];
    }
    const content = typeof value === 'string' ? new TextEncoder().encode(value) : value;
    return [...varint(number * 8 + 2), ...varint(content.length), ...content];
  });
  return Uint8Array.from(bytes);
}

/** A piece: its text, score and type (1 normal, 2 unknown, 3 control, 4 of the user's own, 6 byte). */
export function piece(text: string, score = 0, type = 1): WireField {
  return [
    1,
    message([
      [1, text],
      [2, { float: score }],
      [3, type],
    ]),
  ];
}

/** A model of these pieces after `<unk> <s> </s>`. */
export function sentencePieceModel(
  pieces: readonly WireField[],
  trainer: readonly WireField[] = [],
  normalizer: readonly WireField[] = [],
): Uint8Array {
  const specials = [piece('<unk>', 0, 2), piece('<s>', 0, 3), piece('</s>', 0, 3)];
  return message([...specials, ...pieces, [2, message(trainer)], [3, message(normalizer)]]);
}
