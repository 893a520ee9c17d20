/** JSON lines as a process that may be killed at any moment writes them. */
import { type Place, readNumber, readRecord, wrongValue } from './checked.ts';
import type { Table } from './run-data.ts';

/** One line's object, and where it stood. */
export interface JsonLine {
  readonly value: Record<string, unknown>;
  readonly place: Place;
}

/**
 * Parses text of one JSON object per line. A last line without its line feed that does not parse was
 * cut off by the end of the process and is left out; empty lines are left out too.
 *
 * @param text - the file's text
 * @param file - its name, for errors
 * @returns the objects in order
 * @throws DataError `E_DATA` on any other line that is no JSON object, with its number
 */
export function parseJsonLines(text: string, file: string): JsonLine[] {
  const texts = text.split('\n');
  const parsed: JsonLine[] = [];
  for (const [i, line] of texts.entries()) {
    const place = { file, line: i + 1 };
    if (line.trim() === '') continue;
    try {
      parsed.push({ value: readRecord(JSON.parse(line), place), place });
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error;
      if (i < texts.length - 1) throw wrongValue(place, 'a JSON object', line);
    }
  }
  return parsed;
}

/**
 * Turns the lines' numbers into columns; texts and flags are left out.
 *
 * @param lines - objects of one kind
 * @param needsStep - whether each line must carry a number `step`
 * @returns the columns, `null` where a line has no finite number
 * @throws DataError `E_DATA` when `step` is asked for and absent
 */
export function toTable(lines: readonly JsonLine[], needsStep: boolean): Table {
  const columns = new Map<string, (number | null)[]>();
  for (const [row, { value, place }] of lines.entries()) {
    if (needsStep) readNumber(value.step, { ...place, path: '.step' });
    for (const [name, entry] of Object.entries(value)) {
      if (typeof entry !== 'number' && entry !== null) continue;
      if (!columns.has(name)) columns.set(name, new Array(lines.length).fill(null));
      columns.get(name)![row] = Number.isFinite(entry) ? entry : null;
    }
  }
  return { length: lines.length, columns };
}
