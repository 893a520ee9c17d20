/** Gathers what is wrong with a file, so that one error names the first ten places at once. */
import { DataError } from '../errors.ts';

const SHOWN = 10;

/** The problems of one file. */
export class ProblemList {
  private readonly file: string;
  private readonly hint: string;
  private readonly shown: { readonly line: number; readonly message: string }[] = [];
  private count = 0;

  /** @param hint - what the reader can do about problems of this kind */
  constructor(file: string, hint: string) {
    this.file = file;
    this.hint = hint;
  }

  /** @param line - counted from 1 */
  add(line: number, message: string): void {
    if (this.count++ < SHOWN) this.shown.push({ line, message });
  }

  /** @throws DataError naming the first ten problems, when there are any */
  throwIfAny(): void {
    const [first, ...others] = this.shown;
    if (!first) return;
    const rest = others.map(({ line, message }) => `; line ${line}: ${message}`).join('');
    const more = this.count > SHOWN ? `; and ${this.count - SHOWN} more` : '';
    throw new DataError({
      where: `${this.file}:${first.line}`,
      file: this.file,
      line: first.line,
      problem: `${first.message}${rest}${more}`,
      hint: this.hint,
    });
  }
}
