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
}

/** The files with tests of a mechanism. */
export function testsOf({ test, more = [] }: Mechanism): string[] {
  return [test, ...more];
}
