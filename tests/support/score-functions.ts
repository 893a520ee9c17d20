/** The score functions of attention, each beside its formula number by number. */
import {
  additiveScore,
  bilinearScore,
  dotScore,
  learnedScaleScore,
  type ScoreFunction,
  scaledDotScore,
  type Tensor,
} from '../../src/index.ts';
import { leaf } from './numbers.ts';

/** Width of queries and keys. */
export const WIDTH = 3;

type Numbers = readonly number[];

export interface KnownScore {
  readonly name: string;
  readonly score: ScoreFunction;
  /** Its own weights. */
  readonly parameters: readonly Tensor[];
  /** The same of one query and one key, in loops. */
  readonly loops: (query: Numbers, key: Numbers) => number;
}

const dot = (a: Numbers, b: Numbers): number => a.reduce((total, value, i) => total + value * b[i]!, 0);

/** Row `index` of a matrix times a vector. */
const rowTimes = ({ data, shape }: Tensor, index: number, vector: Numbers): number =>
  dot(
    vector,
    Array.from({ length: shape[1]! }, (_, c) => data[index * shape[1]! + c]!),
  );

/** Every score function, with weights on that device. */
export function scoresOn(device: string): readonly KnownScore[] {
  const bilinear = leaf([WIDTH, WIDTH], 1, 'bilinear', device);
  const [W, U] = [leaf([5, WIDTH], 1, 'query', device), leaf([5, WIDTH], 1, 'key', device)];
  const vector = leaf([5], 1, 'vector', device);
  const gain = leaf([1], 1, 'gain', device);
  const additive = (query: Numbers, key: Numbers): number =>
    dot(
      Array.from(vector.data),
      Array.from({ length: 5 }, (_, a) => Math.tanh(rowTimes(W, a, query) + rowTimes(U, a, key))),
    );
  const throughMatrix = (query: Numbers, key: Numbers): number =>
    dot(
      query,
      query.map((_, i) => rowTimes(bilinear, i, key)),
    );
  return [
    { name: 'dot', score: dotScore, parameters: [], loops: dot },
    {
      name: 'scaled dot',
      score: scaledDotScore,
      parameters: [],
      loops: (query, key) => dot(query, key) / Math.sqrt(WIDTH),
    },
    {
      name: 'learned scale',
      score: learnedScaleScore(gain),
      parameters: [gain],
      loops: (query, key) => gain.data[0]! * dot(query, key),
    },
    { name: 'bilinear', score: bilinearScore(bilinear), parameters: [bilinear], loops: throughMatrix },
    { name: 'additive', score: additiveScore(W, U, vector), parameters: [W, U, vector], loops: additive },
  ];
}
