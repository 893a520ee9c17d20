/** First values of parameters, by name. */
import type { Random } from '../core/random.ts';
import { type Shape, sizeOf } from '../core/shape.ts';

/** Values for a parameter of a shape; a weight is `[out, in]`. */
export type Initializer = (shape: Shape, random: Random) => Float64Array;

function draw(shape: Shape, next: () => number): Float64Array {
  const values = new Float64Array(sizeOf(shape));
  for (let i = 0; i < values.length; i++) values[i] = next();
  return values;
}

/** Every element equal. */
export function constant(value: number): Initializer {
  return (shape) => new Float64Array(sizeOf(shape)).fill(value);
}

/** N(0, std²). */
export function normal(std: number): Initializer {
  return (shape, random) => draw(shape, () => std * random.normal());
}

/** U(−bound, bound). */
export function uniform(bound: number): Initializer {
  return (shape, random) => draw(shape, () => bound * (2 * random.uniform() - 1));
}

function fans(shape: Shape): { fanIn: number; fanOut: number } {
  const receptive = sizeOf(shape.slice(2));
  return { fanIn: (shape[1] ?? shape[0] ?? 1) * receptive, fanOut: (shape[0] ?? 1) * receptive };
}

/** U(−b, b) with b = √(6 / (in + out)). Paper: Glorot & Bengio, AISTATS 2010. */
export const xavierUniform: Initializer = (shape, random) => {
  const { fanIn, fanOut } = fans(shape);
  return uniform(Math.sqrt(6 / (fanIn + fanOut)))(shape, random);
};

/** N(0, 2 / (in + out)). Paper: Glorot & Bengio, AISTATS 2010. */
export const xavierNormal: Initializer = (shape, random) => {
  const { fanIn, fanOut } = fans(shape);
  return normal(Math.sqrt(2 / (fanIn + fanOut)))(shape, random);
};

/** N(0, 2 / in), for layers before a ReLU. Paper: He et al., 2015, https://arxiv.org/abs/1502.01852 */
export const kaimingNormal: Initializer = (shape, random) =>
  normal(Math.sqrt(2 / fans(shape).fanIn))(shape, random);

/** U(−b, b) with b = √(6 / in). Paper: He et al., 2015. */
export const kaimingUniform: Initializer = (shape, random) =>
  uniform(Math.sqrt(6 / fans(shape).fanIn))(shape, random);

/**
 * N(0, 1/in), and for the query projection N(0, 1/(in · headDim)), which takes the place of the 1/√headDim on
 * the scores. Paper: Raffel et al., T5, 2019, https://arxiv.org/abs/1910.10683
 */
export function t5(headDim = 1): Initializer {
  return (shape, random) => normal(1 / Math.sqrt(fans(shape).fanIn * headDim))(shape, random);
}

/** Initializers that a configuration may name. */
export const initializers = { xavierUniform, xavierNormal, kaimingNormal, kaimingUniform, t5: t5() } as const;

/** Names of the initialisers. */
export type InitializerName = keyof typeof initializers;
