/** Token embedding: a table of vectors. */
import type { Tensor } from '../core/tensor.ts';
import { add } from '../ops/elementwise/binary.ts';
import { embedding } from '../ops/embedding/index.ts';
import { normal } from './initializers.ts';
import { Module, type ModuleContext, type Parameter, parameter } from './module.ts';
import { WeightModule } from './weight-module.ts';

/** Scale, padding and initial values of an embedding. */
export interface EmbeddingOptions {
  /** Factor on the vectors; √dModel in the paper. */
  readonly scale?: number;
  /** Id whose row is zero and gets no gradient. */
  readonly paddingId?: number;
  /** Standard deviation of the first values; 1/√dModel by default. */
  readonly std?: number;
}

/** `[B, T]` ids to `[B, T, C]` vectors. Papers: Bengio et al. 2003; Vaswani et al. 2017, §3.4. */
export class Embedding extends WeightModule {
  readonly weight: Parameter;
  readonly scale: number;
  readonly paddingId: number;

  constructor(vocabSize: number, width: number, context: ModuleContext, options: EmbeddingOptions = {}) {
    super();
    this.weight = parameter([vocabSize, width], normal(options.std ?? width ** -0.5), context);
    this.scale = options.scale ?? 1;
    this.paddingId = options.paddingId ?? -1;
    if (this.paddingId >= 0) this.weight.data.fill(0, this.paddingId * width, (this.paddingId + 1) * width);
  }

  forward(ids: Tensor): Tensor {
    if (this.quantized) return this.quantized.rows(ids, this.scale);
    return embedding(this.weight, ids, { scale: this.scale, paddingId: this.paddingId });
  }

  /** `[..., C]` to logits `[..., V]`, with the table as output projection. Paper: Press & Wolf 2016. */
  project(x: Tensor): Tensor {
    return this.multiply(x);
  }
}

/**
 * Adds to each token's vector one that says which part of the input it belongs to: sentence A or B.
 *
 * Paper: Devlin et al., BERT, 2018, https://arxiv.org/abs/1810.04805
 */
export class SegmentEmbedding extends Module {
  readonly weight: Parameter;

  constructor(numSegments: number, width: number, context: ModuleContext) {
    super();
    this.weight = parameter([numSegments, width], normal(width ** -0.5), context);
  }

  /** x `[B, T, C]`, segments int32 `[B, T]` from 0 to numSegments−1 */
  forward(x: Tensor, segments: Tensor): Tensor {
    return add(x, embedding(this.weight, segments));
  }
}
