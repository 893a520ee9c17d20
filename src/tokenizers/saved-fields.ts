/** Reads the fields of a saved tokenizer; every mistake is an error that names the file. */
import { suggest, TokenizerError } from '../errors.ts';
import type { Merge } from './types.ts';

/** What an unusable field of a file means. */
export const damaged = 'the file is damaged or was edited; train the tokenizer again';

/** The fields of a JSON object, checked as they are taken. */
export class SavedFields {
  private readonly file: string;
  private readonly data: Readonly<Record<string, unknown>>;

  constructor(file: string, data: unknown, what = 'a tokenizer') {
    this.file = file;
    if (typeof data !== 'object' || data === null || Array.isArray(data)) {
      this.fail(`${what} as an object`, show(data), damaged);
    }
    this.data = data as Readonly<Record<string, unknown>>;
  }

  /** A field as it is. */
  get(field: string): unknown {
    return this.data[field];
  }

  /** The fields inside a field. */
  object(field: string): SavedFields {
    return new SavedFields(this.file, this.data[field], field);
  }

  entries(): [string, unknown][] {
    return Object.entries(this.data);
  }

  array(field: string): readonly unknown[] {
    const value = this.data[field];
    return Array.isArray(value) ? value : this.fail(`a list of ${field}`, show(value), damaged);
  }

  name<T extends string>(field: string, names: readonly T[]): T {
    return this.known(field, this.data[field], names);
  }

  names<T extends string>(field: string, names: readonly T[]): T[] {
    return this.array(field).map((name) => this.known(field, name, names));
  }

  /** A flag that is saved only where it is set. */
  flag(field: string): boolean {
    const value = this.data[field];
    if (value === undefined || value === true) return value === true;
    return this.fail(`${field} to be true or not there`, show(value), damaged);
  }

  count(field: string): number {
    const value = this.data[field];
    if (Number.isSafeInteger(value) && (value as number) > 0) return value as number;
    return this.fail(`a whole number above 0 as ${field}`, show(value), damaged);
  }

  /** Merges of known pieces; `join` says what two of them become. */
  merges(known: ReadonlySet<string>, join: (merge: Merge) => string): Merge[] {
    const seen = new Set<string>();
    return this.array('merges').map((value, rank) => {
      if (!Array.isArray(value) || value.length !== 2 || !value.every((part) => typeof part === 'string')) {
        return this.fail(`merge ${rank} to be two pieces`, show(value), damaged);
      }
      const merge = value as unknown as Merge;
      for (const piece of [...merge, join(merge)]) {
        if (known.has(piece)) continue;
        this.fail(`merge ${rank} to join pieces of vocab`, `'${piece}' not in vocab`, damaged);
      }
      const key = JSON.stringify(value);
      if (seen.has(key)) this.fail('every merge once', `merge ${rank} again: ${key}`, damaged);
      seen.add(key);
      return merge;
    });
  }

  fail(expected: string, got: string, hint: string = damaged): never {
    throw new TokenizerError({ where: this.file, expected, got, hint });
  }

  private known<T extends string>(field: string, value: unknown, names: readonly T[]): T {
    if (names.includes(value as T)) return value as T;
    return this.fail(`a known ${field}`, show(value), suggest(String(value), names));
  }
}

/** A value as it is quoted in a message. */
export function show(value: unknown): string {
  const text = JSON.stringify(value) ?? 'nothing';
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}
