/** Reads unknown JSON value by value; each mistake names its file, line and path. */
import { DataError } from '../errors.ts';

/** Where a value stands. */
export interface Place {
  readonly file: string;
  /** Counted from 1, for files of lines. */
  readonly line?: number;
  /** Path inside the JSON value, `[3].alignment`. */
  readonly path?: string;
}

/** Reads one value, or throws a `DataError` that names the place. */
export type Read<T> = (value: unknown, place: Place) => T;

/** The error for a value that is not what its place asks for. */
export function wrongValue(place: Place, expected: string, got: unknown): DataError {
  const line = place.line === undefined ? '' : `:${place.line}`;
  return new DataError({
    file: place.file,
    ...(place.line === undefined ? {} : { line: place.line }),
    where: `${place.file}${line}${place.path ? ` ${place.path}` : ''}`,
    expected,
    got: describe(got),
    hint: 'the trainer writes this file; remove or repair it',
  });
}

function describe(value: unknown): string {
  if (value === undefined) return 'nothing';
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}

function inside(place: Place, key: string): Place {
  return { ...place, path: `${place.path ?? ''}${key}` };
}

/** Reads a string. */
export const readString: Read<string> = (value, place) => {
  if (typeof value !== 'string') throw wrongValue(place, 'a string', value);
  return value;
};

/** Reads a finite number. */
export const readNumber: Read<number> = (value, place) => {
  if (typeof value !== 'number' || !Number.isFinite(value)) throw wrongValue(place, 'a number', value);
  return value;
};

/** Reads a boolean. */
export const readBoolean: Read<boolean> = (value, place) => {
  if (typeof value !== 'boolean') throw wrongValue(place, 'true or false', value);
  return value;
};

/** Reads an object. */
export const readRecord: Read<Record<string, unknown>> = (value, place) => {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw wrongValue(place, 'an object', value);
  }
  return value as Record<string, unknown>;
};

/** Reads an array whose items `item` reads. */
export function arrayOf<T>(item: Read<T>): Read<T[]> {
  return (value, place) => {
    if (!Array.isArray(value)) throw wrongValue(place, 'an array', value);
    return value.map((entry, i) => item(entry, inside(place, `[${i}]`)));
  };
}

/** Reads an object whose values `item` reads. */
export function recordOf<T>(item: Read<T>): Read<Record<string, T>> {
  return (value, place) => {
    const entries = Object.entries(readRecord(value, place));
    return Object.fromEntries(entries.map(([key, entry]) => [key, item(entry, inside(place, `.${key}`))]));
  };
}

/** Reads one field of an object. */
export function field<T>(record: Record<string, unknown>, key: string, place: Place, read: Read<T>): T {
  return read(Object.hasOwn(record, key) ? record[key] : undefined, inside(place, `.${key}`));
}

/** Reads one field of an object, `undefined` where it is absent or null. */
export function optionalField<T>(
  record: Record<string, unknown>,
  key: string,
  place: Place,
  read: Read<T>,
): T | undefined {
  const absent = !Object.hasOwn(record, key) || record[key] === null || record[key] === undefined;
  return absent ? undefined : field(record, key, place, read);
}
