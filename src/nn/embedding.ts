/** Token embedding: a table of vectors. */
import type { Tensor } from '../core/tensor.ts';
import { embedding } from '../ops/embedding/index.ts';
import { normal } from './initializers.ts';
import { Module, type ModuleContext, type Parameter, parameter } from './module.ts';

export interface EmbeddingOptions {
  /** Factor on the vectors; √dModel in the paper. */
  readonly scale?: number;
  /** Id whose row is zero and gets no gradient. */
  readonly paddingId?: number;
  /** Standard deviation of the first values; 1/√dModel by default. */
  readonly std?: number;
}

/** `[B, T]` ids to `[B, T, C]` vectors. Papers: Bengio et al. 2003; Vaswani et al. 2017, §3.4. */
export class Embedding extends Module {
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
    return embedding(this.weight, ids, { scale: this.scale, paddingId: this.paddingId });
  }
}
