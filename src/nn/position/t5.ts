/**
 * Learned scores by distance, a number for each head and bucket of distances: near distances have a bucket each, far
 * ones share buckets that grow with the logarithm. The layers of a stack share them.
 *
 * Paper: Raffel et al., T5, 2019, https://arxiv.org/abs/1910.10683
 */
import { type Tensor, tensor } from '../../core/tensor.ts';
import type { RelativeScores } from '../../ops/attention/relative.ts';
import { embedding } from '../../ops/embedding/index.ts';
import { reshape } from '../../ops/shape/reshape.ts';
import { normal } from '../initializers.ts';
import { type ModuleContext, type Parameter, parameter } from '../module.ts';
import { byDistance, distanceRange } from './distance-scores.ts';
import { type AttentionPosition, Position, type PositionSizes, type RelativeSizes } from './position.ts';

/** How distances are put into buckets. */
export interface BucketOptions {
  readonly numBuckets: number;
  /** From this distance on there is one bucket. */
  readonly maxDistance: number;
  /** Earlier and later keys have buckets of their own; else all later keys share the first bucket. */
  readonly bidirectional: boolean;
}

/** The bucket of a distance, key minus query. */
export function t5Bucket(
  distance: number,
  { numBuckets, maxDistance, bidirectional }: BucketOptions,
): number {
  const buckets = bidirectional ? Math.floor(numBuckets / 2) : numBuckets;
  const offset = bidirectional && distance > 0 ? buckets : 0;
  const size = bidirectional ? Math.abs(distance) : Math.max(0, -distance);
  const exact = Math.floor(buckets / 2);
  if (size < exact) return offset + size;
  const share = Math.log(size / exact) / Math.log(maxDistance / exact);
  return offset + Math.min(buckets - 1, exact + Math.floor(share * (buckets - exact)));
}

/** Adds a learned number for the bucket of the distance to each score. */
export class T5Position extends Position implements AttentionPosition {
  /** `[numBuckets, H]` */
  readonly weight: Parameter;
  private readonly buckets: BucketOptions;

  constructor(
    { numHeads, width, causal }: Pick<PositionSizes, 'numHeads' | 'width' | 'causal'>,
    options: Pick<BucketOptions, 'numBuckets' | 'maxDistance'>,
    context: ModuleContext,
  ) {
    super();
    this.weight = parameter([options.numBuckets, numHeads], normal(width ** -0.5), context);
    this.buckets = { ...options, bidirectional: !causal };
  }

  override inAttention(): AttentionPosition {
    return this;
  }

  scores({ device }: Tensor, sizes: RelativeSizes): RelativeScores {
    const { maxDistance, bidirectional } = this.buckets;
    const { first, width } = distanceRange(
      Math.min(maxDistance, Math.max(0, sizes.keys - 1)),
      !bidirectional,
    );
    const ids = Int32Array.from({ length: width }, (_, i) => t5Bucket(first + i, this.buckets));
    const rows = embedding(this.weight, tensor(ids, [1, width], { dtype: 'int32', device }));
    return byDistance(reshape(rows, [width, this.weight.shape[1]!]), first, sizes);
  }
}
