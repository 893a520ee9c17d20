/** Scores that depend on the distance of key and query only: the same table for every query. */
import type { Tensor } from '../../core/tensor.ts';
import type { RelativeScores } from '../../ops/attention/relative.ts';
import { broadcastTo } from '../../ops/reduce/sum.ts';
import { permute } from '../../ops/shape/permute.ts';
import { reshape } from '../../ops/shape/reshape.ts';
import type { RelativeSizes } from './position.ts';

/** Distances, key minus query, that a table has columns for. */
export interface DistanceRange {
  readonly first: number;
  readonly width: number;
}

/** Distances up to `most` on both sides, or on the left only. */
export function distanceRange(most: number, causal: boolean): DistanceRange {
  return { first: -most, width: causal ? most + 1 : 2 * most + 1 };
}

/** From the scores of each distance and head, `[W, H]`, to what attention adds. */
export function byDistance(scores: Tensor, first: number, { sequences }: RelativeSizes): RelativeScores {
  const [width, heads] = scores.shape as [number, number];
  const row = reshape(permute(scores, [1, 0]), [1, 1, heads * width]);
  return { table: broadcastTo(row, [sequences, 1, heads * width]), first, perQuery: false };
}
