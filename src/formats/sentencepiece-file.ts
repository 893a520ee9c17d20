/** The content of a SentencePiece `.model` file: pieces, and how text is normalised and cut. */
import { FormatError } from '../errors.ts';
import { Charsmap } from './charsmap.ts';
import { type Field, floatOf, ProtobufReader, textOf } from './protobuf.ts';

/** What a piece is for. */
export type PieceType = 'normal' | 'unknown' | 'control' | 'userDefined' | 'unused' | 'byte';

/** One line of the vocabulary; its id is its place. */
export interface SentencePiece {
  readonly text: string;
  readonly score: number;
  readonly type: PieceType;
}

/** A model file, read. */
export interface SentencePieceFile {
  readonly pieces: readonly SentencePiece[];
  readonly model: 'unigram' | 'bpe';
  readonly byteFallback: boolean;
  readonly bos: number;
  readonly eos: number;
  readonly unk: number;
  readonly pad: number;
  /** What an unknown piece becomes when text is put together. */
  readonly unknownSurface: string;
  /** The mark of a space ends a word instead of beginning it. */
  readonly spaceAsSuffix: boolean;
  readonly charsmap: Charsmap | undefined;
  readonly addDummyPrefix: boolean;
  readonly removeExtraSpaces: boolean;
  readonly escapeSpaces: boolean;
}

/** A file while it is read. */
type Draft = { -readonly [K in keyof SentencePieceFile]: SentencePieceFile[K] } & { pieces: SentencePiece[] };

type Setter = (draft: Draft, field: Field, file: string) => void;

const pieceTypes: Readonly<Record<number, PieceType>> = {
  1: 'normal',
  2: 'unknown',
  3: 'control',
  4: 'userDefined',
  5: 'unused',
  6: 'byte',
};

const models: Readonly<Record<number, 'unigram' | 'bpe'>> = { 1: 'unigram', 2: 'bpe' };

/** Fields of TrainerSpec by number; ids that are −1 are written as 2⁶⁴−1. */
const trainerFields: Readonly<Record<number, Setter>> = {
  3: (draft, { integer, offset }, file) => {
    draft.model = known(models, integer, 'model type 1 (unigram) or 2 (bpe)', offset, file);
  },
  24: (draft, { integer }) => {
    draft.spaceAsSuffix = integer !== 0;
  },
  35: (draft, { integer }) => {
    draft.byteFallback = integer !== 0;
  },
  40: (draft, { integer }) => {
    draft.unk = signed(integer);
  },
  41: (draft, { integer }) => {
    draft.bos = signed(integer);
  },
  42: (draft, { integer }) => {
    draft.eos = signed(integer);
  },
  43: (draft, { integer }) => {
    draft.pad = signed(integer);
  },
  44: (draft, field, file) => {
    draft.unknownSurface = textOf(field, file);
  },
};

/** Fields of NormalizerSpec by number. */
const normalizerFields: Readonly<Record<number, Setter>> = {
  2: (draft, { bytes }, file) => {
    draft.charsmap = bytes.length > 0 ? new Charsmap(bytes, file) : undefined;
  },
  3: (draft, { integer }) => {
    draft.addDummyPrefix = integer !== 0;
  },
  4: (draft, { integer }) => {
    draft.removeExtraSpaces = integer !== 0;
  },
  5: (draft, { integer }) => {
    draft.escapeSpaces = integer !== 0;
  },
};

/** Fields of ModelProto by number. */
const modelFields: Readonly<Record<number, Setter>> = {
  1: (draft, field, file) => {
    draft.pieces.push(readPiece(field, file));
  },
  2: (draft, field, file) => setAll(draft, field, trainerFields, file),
  3: (draft, field, file) => setAll(draft, field, normalizerFields, file),
};

/** What the format says of fields that are not there. */
const defaults = {
  model: 'unigram',
  byteFallback: false,
  unk: 0,
  bos: 1,
  eos: 2,
  pad: -1,
  unknownSurface: ' \u2047 ',
  spaceAsSuffix: false,
  charsmap: undefined,
  addDummyPrefix: true,
  removeExtraSpaces: true,
  escapeSpaces: true,
} as const;

/**
 * Reads the bytes of a `.model` file.
 *
 * @throws FormatError when they are not such a file, or one of a model that is neither unigram nor BPE
 */
export function readSentencePieceFile(bytes: Uint8Array, file: string): SentencePieceFile {
  const draft: Draft = { ...defaults, pieces: [] };
  const seen = new Set<number>();
  for (const field of new ProtobufReader(bytes, file).fields()) {
    modelFields[field.number]?.(draft, field, file);
    seen.add(field.number);
  }
  if (![1, 2, 3].every((number) => seen.has(number))) {
    const expected = 'a SentencePiece model with pieces, trainer and normalizer';
    throw new FormatError({
      where: file,
      file,
      expected,
      got: `fields ${[...seen].join(', ') || 'of no kind'}`,
    });
  }
  const unknowns = draft.pieces.filter(({ type }) => type === 'unknown').length;
  if (unknowns !== 1 || draft.pieces[draft.unk]?.type !== 'unknown') {
    const got = `${draft.pieces.length} pieces, ${unknowns} of them unknown`;
    throw new FormatError({
      where: file,
      file,
      expected: 'a SentencePiece model with one unknown piece',
      got,
    });
  }
  const texts = new Set(draft.pieces.map(({ text }) => text));
  if (texts.size !== draft.pieces.length) {
    const got = `${draft.pieces.length - texts.size} again`;
    throw new FormatError({ where: file, file, expected: 'every piece once', got });
  }
  return draft;
}

function setAll(
  draft: Draft,
  { bytes, offset }: Field,
  setters: Readonly<Record<number, Setter>>,
  file: string,
): void {
  for (const field of new ProtobufReader(bytes, file, offset).fields())
    setters[field.number]?.(draft, field, file);
}

function readPiece({ bytes, offset }: Field, file: string): SentencePiece {
  let text = '';
  let score = 0;
  let type: PieceType = 'normal';
  for (const field of new ProtobufReader(bytes, file, offset).fields()) {
    if (field.number === 1) text = textOf(field, file);
    else if (field.number === 2) score = floatOf(field, file);
    else if (field.number === 3)
      type = known(pieceTypes, field.integer, 'a piece type from 1 to 6', field.offset, file);
  }
  if (text !== '') return { text, score, type };
  throw new FormatError({
    where: file,
    file,
    offset,
    expected: `the text of a piece at byte ${offset}`,
    got: 'none',
  });
}

function known<T>(
  table: Readonly<Record<number, T>>,
  value: number,
  what: string,
  offset: number,
  file: string,
): T {
  const found = table[value];
  if (found !== undefined) return found;
  throw new FormatError({ where: file, file, offset, expected: what, got: String(value) });
}

function signed(integer: number): number {
  return integer >= 2 ** 63 ? -1 : integer;
}
