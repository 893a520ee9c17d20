/**
 * What is asked of any position information, measured: that places differ, that near pairs mean the same in texts of any
 * length, that values stay bounded, and that they do not drown the tokens.
 */
import { Random } from '../../core/random.ts';
import { scope } from '../../core/scope.ts';
import { noGrad } from '../../core/tape.ts';
import { type Tensor, tensor } from '../../core/tensor.ts';
import { MultiHeadAttention } from '../attention/multi-head.ts';
import { capture } from '../capture.ts';
import { BatchStructure, type SourceStructure } from '../source-structure.ts';
import { makePosition, type PositionChoice } from './index.ts';
import type { Position } from './position.ts';

/** What was found of a kind of position information. */
export interface PositionRequirements {
  /** Equal tokens at any two places attend differently. */
  readonly distinct: boolean;
  /** The score of a pair is the same in a longer text. */
  readonly lengthIndependent: boolean;
  /** What is added to token vectors does not grow with the length of the text. */
  readonly bounded: boolean;
  /** Largest norm of what is added to a token vector, as a share of the token vector's √C. */
  readonly normRatio: number;
}

/** Sizes at which requirements are measured. */
export interface RequirementOptions {
  /** Of the shorter text; the longer one is three times as long. Default 24. */
  readonly length?: number;
  /** C. Default 32. */
  readonly width?: number;
  readonly numHeads?: number;
  readonly seed?: number;
  /**
   * For positions in trees: the tree of a text of that many tokens. The tree of the longer text has to begin with that
   * of the shorter one, as far as pairs shall mean the same in both.
   */
  readonly structure?: (length: number) => SourceStructure;
}

const NOISE = 1e-9;

/** An attention layer whose queries and keys are the vectors themselves. */
function bareAttention(width: number, numHeads: number, random: Random): MultiHeadAttention {
  const layer = new MultiHeadAttention({ dModel: width, numHeads }, { random, device: 'reference' });
  for (const { weight } of [layer.query, layer.key])
    weight.data.set(Float64Array.from({ length: weight.size }, (_, i) => Number(i % (width + 1) === 0)));
  return layer;
}

/** A text of that many tokens, and its tree where it has one. */
interface Text {
  readonly length: number;
  readonly structure: BatchStructure | null;
}

/** Scores `[H, T, T]` among equal tokens of a text. */
function scoresAmongEqual(
  position: Position,
  layer: MultiHeadAttention,
  token: number[],
  { length, structure }: Text,
) {
  return noGrad(() =>
    scope(() => {
      const rows = Float64Array.from({ length: length * token.length }, (_, i) => token[i % token.length]!);
      const tokens = tensor(rows, [1, length, token.length], { device: 'reference' });
      const x = position.forward(tokens, 0, null, structure);
      const how = { position: position.inAttention(0, structure), structure };
      const { tensors } = capture(layer, ['scores'], () => layer.forward(x, x, how));
      const scores = tensors.get('scores')!;
      const values = Float64Array.from(scores.data);
      scores.dispose();
      return values;
    }),
  );
}

/** Largest norm and largest value of what is added to vectors of 0. */
function added(position: Position, { length, structure }: Text, width: number) {
  const zeros: Tensor = tensor(new Float64Array(length * width), [1, length, width], { device: 'reference' });
  const { data } = noGrad(() => position.forward(zeros, 0, null, structure));
  let [range, norm] = [0, 0];
  for (let t = 0; t < length; t++) {
    let square = 0;
    for (let c = 0; c < width; c++) {
      range = Math.max(range, Math.abs(data[t * width + c]!));
      square += data[t * width + c]! ** 2;
    }
    norm = Math.max(norm, Math.sqrt(square));
  }
  return { range, norm };
}

/** Whether any two rows `[T]` of the scores differ in some head. */
function rowsDiffer(scores: Float64Array, heads: number, length: number): boolean {
  const isSame = (a: number, b: number): boolean => {
    for (let h = 0; h < heads; h++)
      for (let s = 0; s < length; s++)
        if (Math.abs(scores[(h * length + a) * length + s]! - scores[(h * length + b) * length + s]!) > NOISE)
          return false;
    return true;
  };
  for (let a = 0; a < length; a++) for (let b = 0; b < a; b++) if (isSame(a, b)) return false;
  return true;
}

/** Whether the pairs of a text have the scores that they have at the beginning of a longer one. */
function pairsAgree(short: Float64Array, long: Float64Array, heads: number, length: number): boolean {
  const longer = Math.sqrt(long.length / heads);
  for (let h = 0; h < heads; h++)
    for (let t = 0; t < length; t++)
      for (let s = 0; s < length; s++) {
        const other = long[(h * longer + t) * longer + s]!;
        if (Math.abs(short[(h * length + t) * length + s]! - other) > NOISE) return false;
      }
  return true;
}

/**
 * Measures what is asked of position information, on texts of equal tokens in an encoder.
 *
 * @param choice - a kind, or a group of `kind` and its options
 * @returns three verdicts, and the largest norm as a share of a token vector's
 * @throws {ConfigError} when positions need trees and no `structure` is given
 * @example
 * positionRequirements('counting').bounded; // false
 */
export function positionRequirements(
  choice: PositionChoice,
  { length = 24, width = 32, numHeads = 2, seed = 0, structure }: RequirementOptions = {},
): PositionRequirements {
  const random = new Random(seed, 'requirements');
  const longer = 3 * length;
  const headDim = width / numHeads;
  const heads = { numHeads, headDim, valueDim: headDim };
  const sizes = { ...heads, width, numLayers: 1, causal: false, maxSeqLen: longer };
  const position = makePosition(choice, sizes, { random, device: 'reference' });
  const layer = bareAttention(width, numHeads, random);
  const token = Array.from({ length: width }, () => random.normal());
  const text = (own: number): Text => ({
    length: own,
    structure: structure ? new BatchStructure([structure(own)]) : null,
  });
  const texts = [text(length), text(longer)];
  const [short, long] = texts.map((own) => scoresAmongEqual(position, layer, token, own));
  const [near, far] = texts.map((own) => added(position, own, width));
  return {
    distinct: rowsDiffer(short!, numHeads, length),
    lengthIndependent: pairsAgree(short!, long!, numHeads, length),
    bounded: far!.range <= 1.5 * near!.range,
    normRatio: far!.norm / Math.sqrt(width),
  };
}
