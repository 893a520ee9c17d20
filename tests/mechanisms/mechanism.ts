/** A mechanism of the literature that heed has, and the tests that say that it is right. */
export interface Mechanism {
  /** Row of the inventory. */
  readonly id: string;
  readonly name: string;
  readonly file: string;
  /** What is compared with what, in a sentence. */
  readonly verification: string;
  readonly test: string;
  /** Other files with tests of it; those in tests/long run by `npm run test:long`. */
  readonly more?: readonly string[];
  /** What is in the titles of its tests that do not carry the id: names of recorded cases, or mechanisms without a number. */
  readonly titles?: RegExp;
}

/** The files with tests of a mechanism. */
export function testsOf({ test, more = [] }: Mechanism): string[] {
  return [test, ...more];
}

/** Whether a test is one of a mechanism's: its full name has the id of the row, or what the row says of titles. */
export function isTestOf({ id, titles }: Mechanism, fullName: string): boolean {
  const isNumbered = /\d$/.test(id);
  return (isNumbered && new RegExp(`\\b${id}\\b`).test(fullName)) || (titles?.test(fullName) ?? false);
}
