/**
 * DeepNorm: a residual connection that scales its input up, and smaller first weights, by the depth of the model.
 *
 * Paper: Wang et al., DeepNet: Scaling Transformers to 1,000 Layers, 2022, https://arxiv.org/abs/2203.00555
 */
import type { Module } from './module.ts';

/** Layers of a model; 0 for a stack that it has not. */
export interface Depths {
  readonly encoder: number;
  readonly decoder: number;
}

/** Factors of one stack. */
export interface DeepNormFactors {
  /** α, on the input of each residual connection. */
  readonly inputScale: number;
  /** β, on the first weights of values, attention outputs and feed-forward networks. */
  readonly gain: number;
}

/**
 * α and β, with N encoder and M decoder layers:
 * encoder `0.81 (N⁴M)^(1/16)` and `0.87 (N⁴M)^(−1/16)`, decoder `(3M)^(1/4)` and `(12M)^(−1/4)`;
 * a stack of L layers alone `(2L)^(1/4)` and `(8L)^(−1/4)`. Table in Figure 2 of the paper.
 */
export function deepNormFactors(role: keyof Depths, { encoder, decoder }: Depths): DeepNormFactors {
  if (encoder === 0 || decoder === 0) {
    const depth = encoder + decoder;
    return { inputScale: (2 * depth) ** (1 / 4), gain: (8 * depth) ** (-1 / 4) };
  }
  if (role === 'decoder') return { inputScale: (3 * decoder) ** (1 / 4), gain: (12 * decoder) ** (-1 / 4) };
  const size = (encoder ** 4 * decoder) ** (1 / 16);
  return { inputScale: 0.81 * size, gain: 0.87 / size };
}

/** Matrices that get the gain β. */
const GAINED = /(^|\.)(value|output|inner|gate|outer)\.weight$/;

/** Multiplies the first weights of an attention layer or a feed-forward network by β. */
export function scaleFirstWeights(module: Module, gain: number): void {
  for (const [path, { data }] of module.namedParameters()) {
    if (!GAINED.test(path)) continue;
    for (let i = 0; i < data.length; i++) data[i]! *= gain;
  }
}
