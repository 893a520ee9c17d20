/** A map from pairs of whole numbers to numbers, in flat arrays: a look-up makes no objects. */

const FREE = -1;

/** (first, second) → value; first must be at least 0, values at least 0. */
export class PairMap {
  private firsts = new Int32Array(1024).fill(FREE);
  private seconds = new Int32Array(1024);
  private values = new Int32Array(1024);
  private size = 0;

  /** The value of a pair; −1 when it has none. */
  get(first: number, second: number): number {
    const at = this.slot(first, second);
    return this.firsts[at] === FREE ? -1 : this.values[at]!;
  }

  set(first: number, second: number, value: number): void {
    const at = this.slot(first, second);
    const isNew = this.firsts[at] === FREE;
    this.firsts[at] = first;
    this.seconds[at] = second;
    this.values[at] = value;
    if (isNew && ++this.size * 2 > this.firsts.length) this.grow();
  }

  /** Where a pair lies, or the free place where it belongs. */
  private slot(first: number, second: number): number {
    const { firsts, seconds } = this;
    const mask = firsts.length - 1;
    const hash = (Math.imul(first, 0x9e3779b1) + Math.imul(second, 0x85ebca6b)) >>> 0;
    let at = (hash ^ (hash >>> 15)) & mask;
    while (firsts[at] !== FREE && (firsts[at] !== first || seconds[at] !== second)) at = (at + 1) & mask;
    return at;
  }

  private grow(): void {
    const { firsts, seconds, values } = this;
    this.firsts = new Int32Array(2 * firsts.length).fill(FREE);
    this.seconds = new Int32Array(2 * firsts.length);
    this.values = new Int32Array(2 * firsts.length);
    firsts.forEach((first, i) => {
      if (first === FREE) return;
      const at = this.slot(first, seconds[i]!);
      this.firsts[at] = first;
      this.seconds[at] = seconds[i]!;
      this.values[at] = values[i]!;
    });
  }
}
