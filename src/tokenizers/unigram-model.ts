/** What trainers, tokenizers and importers of the unigram language model share. */
import type { WordPieces } from './base.ts';
import type { Segmentation } from './lattice.ts';

/** log p of an unknown code point, below that of the rarest piece. */
export const unknownPenalty = 10;

/** The lowest of some scores; 0 when there is none. */
export function lowest(scores: ArrayLike<number>): number {
  let min = Infinity;
  for (let i = 0; i < scores.length; i++) min = Math.min(min, scores[i]!);
  return min === Infinity ? 0 : min;
}

/**
 * A segmentation with its places in UTF-16 units. Unknown code points side by side are one piece, or their bytes.
 *
 * @param fallback - the ids of the bytes of an unknown code point; undefined where they have none
 */
export function placePieces(
  word: string,
  { ids, ends }: Segmentation,
  unk: number,
  fallback: (text: string) => readonly number[] | undefined = () => undefined,
): WordPieces {
  const placed = { ids: [] as number[], starts: [] as number[], ends: [] as number[] };
  const chars = [...word];
  let at = 0;
  let start = 0;
  let afterUnknown = false;
  ids.forEach((id, i) => {
    const text = chars.slice(at, ends[i]!).join('');
    const end = start + text.length;
    const bytes = id === unk ? fallback(text) : undefined;
    const isUnknown = id === unk && bytes === undefined;
    if (isUnknown && afterUnknown) placed.ends[placed.ends.length - 1] = end;
    else {
      for (const each of bytes ?? [id]) {
        placed.ids.push(each);
        placed.starts.push(start);
        placed.ends.push(end);
      }
    }
    afterUnknown = isUnknown;
    at = ends[i]!;
    start = end;
  });
  return placed;
}
