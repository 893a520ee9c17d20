/** Which tokens go to which expert: choices, capacity, and how evenly they spread. */

/** Places of a batch's tokens among the experts. */
export interface Routing {
  /** Rows that each expert computes, in order. */
  readonly rows: readonly Int32Array[];
  /**
   * Where the output of each choice stands when the experts' outputs are put one after the other, `[R · k]`; the number
   * of places for one that no expert computes.
   */
  readonly places: Int32Array;
  /** Choices of tokens for each expert, dropped ones too. */
  readonly wanted: Float64Array;
  /** Choices of tokens, and how many of them found their expert full. */
  readonly choices: number;
  readonly dropped: number;
}

/** Places that each expert has: `⌈factor · choices / experts⌉`. */
export function expertCapacity(factor: number, choices: number, experts: number): number {
  return Math.ceil((factor * choices) / experts);
}

/**
 * Gives every token its experts, in the order of the tokens; an expert that is full drops those that come later.
 *
 * @param chosen - experts of each row, best first, `[R · k]`
 * @param isToken - whether a row is a token; padding goes nowhere
 * @param capacity - most rows of an expert
 */
export function routeTokens(
  chosen: ArrayLike<number>,
  perRow: number,
  experts: number,
  isToken: (row: number) => boolean,
  capacity: number,
): Routing {
  const rows = Array.from({ length: experts }, (): number[] => []);
  const seats = new Int32Array(chosen.length).fill(-1); // place within the expert
  const wanted = new Float64Array(experts);
  let choices = 0;
  let dropped = 0;
  for (let i = 0; i < chosen.length; i++) {
    const [row, expert] = [Math.floor(i / perRow), chosen[i]!];
    if (!isToken(row)) continue;
    choices++;
    wanted[expert]!++;
    const mine = rows[expert]!;
    if (mine.length < capacity) seats[i] = mine.push(row) - 1;
    else dropped++;
  }
  const starts = new Int32Array(experts + 1);
  rows.forEach((mine, expert) => {
    starts[expert + 1] = starts[expert]! + mine.length;
  });
  const places = seats.map((seat, i) => (seat < 0 ? starts[experts]! : starts[chosen[i]!]! + seat));
  return { rows: rows.map((mine) => Int32Array.from(mine)), places, wanted, choices, dropped };
}
