/** Reads one decoded example and checks that its attention weights fit its tokens. */
import {
  arrayOf,
  field,
  optionalField,
  type Place,
  type Read,
  readBoolean,
  readNumber,
  readRecord,
  readString,
  wrongValue,
} from './checked.ts';
import type { Sample, SampleAttention } from './run-data.ts';

type Matrix = readonly (readonly number[])[];

const readMatrix = arrayOf(arrayOf(readNumber));

/**
 * Reads an entry of `samples.json`.
 *
 * @throws DataError `E_DATA` for a missing field, or weights that are not [T, S] or [H, T, S]
 */
export const readSample: Read<Sample> = (value, place) => {
  const record = readRecord(value, place);
  return {
    source: field(record, 'source', place, readString),
    references: field(record, 'references', place, arrayOf(readString)),
    hypothesis: field(record, 'hypothesis', place, readString),
    score: optionalField(record, 'score', place, readNumber),
    correct: field(record, 'correct', place, readBoolean),
    attention: readAttention(record, place),
  };
};

function readAttention(record: Record<string, unknown>, place: Place): SampleAttention | undefined {
  const alignment = optionalField(record, 'alignment', place, readMatrix);
  if (alignment === undefined) return undefined;
  const sourceTokens = field(record, 'sourceTokens', place, arrayOf(readString));
  const targetTokens = field(record, 'targetTokens', place, arrayOf(readString));
  const heads = optionalField(record, 'heads', place, arrayOf(readMatrix));
  const path = place.path ?? '';
  needShape(alignment, targetTokens.length, sourceTokens.length, { ...place, path: `${path}.alignment` });
  for (const [h, head] of (heads ?? []).entries()) {
    needShape(head, targetTokens.length, sourceTokens.length, { ...place, path: `${path}.heads[${h}]` });
  }
  return { sourceTokens, targetTokens, alignment, heads };
}

function needShape(matrix: Matrix, rows: number, columns: number, place: Place): void {
  const bad = matrix.find((row) => row.length !== columns);
  if (matrix.length === rows && bad === undefined) return;
  const got = [matrix.length, (bad ?? matrix[0] ?? []).length];
  throw wrongValue(place, `weights of shape [${rows}, ${columns}] (target, source tokens)`, got);
}
