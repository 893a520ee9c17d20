import { Heap } from './heap.ts';

interface Places {
  readonly positions: number[];
  next: number;
  isSorted: boolean;
}

/**
 * The pairs of a word that can be merged: the lowest rank first, in it the left-most place first.
 *
 * Places of one rank are kept in a list, so that the heap holds ranks only and stays small for a long word.
 */
export class PairQueue {
  private readonly ranks = new Heap<number>((a, b) => a < b);
  private readonly places = new Map<number, Places>();
  /** Rank and place of the pair that `pop` took. */
  rank = 0;
  position = 0;

  push(rank: number, position: number): void {
    const places = this.places.get(rank);
    if (!places) {
      this.places.set(rank, { positions: [position], next: 0, isSorted: true });
      this.ranks.push(rank);
      return;
    }
    if (position < places.positions[places.positions.length - 1]!) places.isSorted = false;
    places.positions.push(position);
  }

  /** Takes the next pair into `rank` and `position`; false when there is none. */
  pop(): boolean {
    for (let rank = this.ranks.top(); rank !== undefined; rank = this.ranks.top()) {
      const places = this.places.get(rank)!;
      if (places.next < places.positions.length) {
        if (!places.isSorted) sortRest(places);
        this.rank = rank;
        this.position = places.positions[places.next++]!;
        return true;
      }
      this.ranks.pop();
      this.places.delete(rank);
    }
    return false;
  }
}

function sortRest(places: Places): void {
  const rest = places.positions.splice(places.next).sort((a, b) => a - b);
  for (const position of rest) places.positions.push(position);
  places.isSorted = true;
}
