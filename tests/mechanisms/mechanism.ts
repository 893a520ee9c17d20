/** A mechanism of the literature that heed has, and the test that says that it is right. */
export interface Mechanism {
  /** Row of the inventory. */
  readonly id: string;
  readonly name: string;
  readonly file: string;
  /** What is compared with what, in a sentence. */
  readonly verification: string;
  readonly test: string;
}
