/** The model shapes that are measured beside PyTorch. */
import type { Device } from '../core/device.ts';
import { Random } from '../core/random.ts';
import { type Tensor, tensor } from '../core/tensor.ts';
import { Transformer } from '../models/transformer.ts';
import type { TransformerConfig } from '../models/transformer-config.ts';

export interface BenchShape {
  readonly dModel: number;
  readonly numHeads: number;
  readonly dFf: number;
  readonly layers: number;
  readonly vocabSize: number;
  readonly batch: number;
  readonly sourceLength: number;
  readonly targetLength: number;
}

export const benchShapes = {
  /** 3+3 layers of width 256, vocabulary 8000, 64 × 16 tokens. */
  base256: {
    dModel: 256,
    numHeads: 4,
    dFf: 1024,
    layers: 3,
    vocabSize: 8000,
    batch: 64,
    sourceLength: 16,
    targetLength: 16,
  },
  /** 4+4 layers of width 128, vocabulary 10000, 128 × 32 tokens. */
  tiny: {
    dModel: 128,
    numHeads: 4,
    dFf: 256,
    layers: 4,
    vocabSize: 10000,
    batch: 128,
    sourceLength: 32,
    targetLength: 32,
  },
} as const satisfies Record<string, BenchShape>;

export type BenchShapeName = keyof typeof benchShapes;

/** Pre-norm, dropout 0.1 at every site, output tied to the target embedding. */
export function benchModel(
  shape: BenchShape,
  device: Device,
  change: Partial<TransformerConfig> = {},
): Transformer {
  return new Transformer(
    {
      sourceVocabSize: shape.vocabSize,
      targetVocabSize: shape.vocabSize,
      dModel: shape.dModel,
      dFf: shape.dFf,
      numHeads: shape.numHeads,
      numEncoderLayers: shape.layers,
      numDecoderLayers: shape.layers,
      dropout: 0.1,
      attentionDropout: 0.1,
      activationDropout: 0.1,
      normPlacement: 'pre',
      tieEmbeddings: 'target',
      ...change,
    },
    { random: new Random(1, 'bench'), device },
  );
}

/** Random token ids, special tokens left out. */
export function randomIds(rows: number, length: number, vocabSize: number, device: Device): Tensor {
  const random = new Random(2, `ids/${rows}x${length}`);
  const ids = Int32Array.from({ length: rows * length }, () => 4 + random.integer(vocabSize - 4));
  return tensor(ids, [rows, length], { dtype: 'int32', device });
}

/** The middle of sorted values. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)]!;
}
