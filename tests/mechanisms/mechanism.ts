/** One row of docs/mechanisms.md. */
export interface Mechanism {
  readonly id: string;
  readonly name: string;
  readonly file: string;
  readonly verification: string;
  readonly test: string;
}
