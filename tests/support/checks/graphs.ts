/** Attention over graphs against loops over single numbers. */
import fc from 'fast-check';
import { expect } from 'vitest';
import {
  backward,
  edgeMask,
  GraphAttention,
  type Mask,
  mask,
  mul,
  noGrad,
  Random,
  scope,
  sum,
  type Tensor,
} from '../../../src/index.ts';
import { roundingOf } from '../devices.ts';
import { expectGradients } from '../finite-differences.ts';
import { disturb } from '../models.ts';
import { expectNear, gradientOf, leaf } from '../numbers.ts';
import { slowLinear } from '../slow.ts';

const small = (most: number): fc.Arbitrary<number> => fc.integer({ min: 1, max: most });
const sizes = fc.record({
  seed: fc.nat(),
  nodes: small(5),
  numHeads: small(3),
  headDim: small(3),
  edgeWidth: small(3),
});
type Sizes = typeof sizes extends fc.Arbitrary<infer T> ? T : never;

/** A batch of two graphs; every node of the first sees itself, a node of the second may see nothing. */
interface Graphs {
  readonly layer: GraphAttention;
  /** `[2, N, C]` */
  readonly x: Tensor;
  /** `[2, N, N, E]` */
  readonly features: Tensor;
  /** `[2, 1, N, N]` */
  readonly visible: Mask;
  readonly sees: (graph: number, to: number, from: number) => boolean;
}

function drawGraphs({ seed, nodes, numHeads, headDim, edgeWidth }: Sizes, device: string): Graphs {
  const random = new Random(seed, 'edges');
  const dModel = numHeads * headDim;
  const places = Array.from({ length: nodes }, (_, i) => i);
  const edges = [0, 1].map(() =>
    places.flatMap((to) => places.map((from) => [to, from] as const)).filter(() => random.uniform() < 0.5),
  );
  const x = leaf([2, nodes, dModel], seed, 'nodes', device);
  const bits = edges.flatMap((own, graph) =>
    Array.from(edgeMask(nodes, own, { selfLoops: graph === 0, device: x.device }).data),
  );
  const context = { random: new Random(seed, 'graph attention'), device };
  return {
    layer: disturb(new GraphAttention({ dModel, numHeads, edgeWidth }, context), seed),
    x,
    features: leaf([2, nodes, nodes, edgeWidth], seed, 'features', device),
    visible: mask(bits, [2, 1, nodes, nodes], { device: x.device }),
    sees: (graph, to, from) =>
      (graph === 0 && to === from) || edges[graph]!.some(([t, s]) => t === to && s === from),
  };
}

/** `Σ_s softmax_s(q_t · k_s / √D + W e_ts) v_s` over the nodes s that t sees, number by number. */
function slowGraphs({ layer, x, features, sees }: Graphs): Float64Array {
  const { query, key, value, output, numHeads: H, headDim: D } = layer.attention;
  const linear = ({ weight, bias }: { weight: Tensor; bias: Tensor | null }, of: ArrayLike<number>) =>
    slowLinear(of, weight.data, bias!.data);
  const [q, k, v] = [query, key, value].map((part) => linear(part, x.data)) as [
    Float64Array,
    Float64Array,
    Float64Array,
  ];
  const [W, E, N] = [layer.edge!.weight.data, features.shape[3]!, x.shape[1]!];
  const context = new Float64Array(x.size);
  for (let row = 0; row < 2 * N * H; row++) {
    const [h, t, graph] = [row % H, Math.floor(row / H) % N, Math.floor(row / H / N)];
    let total = 0;
    for (let s = 0; s < N; s++) {
      if (!sees(graph, t, s)) continue;
      const other = (graph * N + s) * H + h;
      let score = 0;
      for (let d = 0; d < D; d++) score += (q[row * D + d]! * k[other * D + d]!) / Math.sqrt(D);
      for (let e = 0; e < E; e++) score += W[h * E + e]! * features.data[((graph * N + t) * N + s) * E + e]!;
      const weight = Math.exp(score);
      total += weight;
      for (let d = 0; d < D; d++) context[row * D + d]! += weight * v[other * D + d]!;
    }
    if (total > 0) for (let d = 0; d < D; d++) context[row * D + d]! /= total;
  }
  return linear(output, context);
}

/** Outputs are those of the formula, with what is known of every edge and without the pairs that have none. */
export function graphsEqualLoops(device = 'reference'): void {
  fc.assert(
    fc.property(sizes, (given) =>
      scope(() => {
        const graphs = drawGraphs(given, device);
        const output = noGrad(() => graphs.layer.forward(graphs.x, graphs.visible, graphs.features));
        expectNear(output.data, slowGraphs(graphs), roundingOf(device), 'graphs');
      }),
    ),
    { numRuns: 40 },
  );
}

/** A number that depends on every output, each in its own measure. */
function lossOf({ layer, x, visible, features }: Graphs, seed: number): Tensor {
  const output = layer.forward(x, visible, features);
  return sum(mul(output, leaf(output.shape, seed, 'upstream', x.device.name).detach()));
}

function leavesOf({ layer, x, features }: Graphs): (readonly [string, Tensor])[] {
  return [['nodes', x], ['features', features], ...layer.namedParameters()];
}

/** Gradients are central differences in W, in what is known of edges and in all else; 0 where there is no edge. */
export function graphGradientsAreDifferences(): void {
  fc.assert(
    fc.property(sizes, (given) => {
      const graphs = drawGraphs(given, 'reference');
      expectGradients(() => lossOf(graphs, given.seed), leavesOf(graphs), 'graphs:');
      const [N, E] = [given.nodes, given.edgeWidth];
      gradientOf(graphs.features).forEach((slope, i) => {
        const pair = Math.floor(i / E);
        const sees = graphs.sees(Math.floor(pair / N / N), Math.floor(pair / N) % N, pair % N);
        if (!sees) expect(slope).toBe(0);
      });
    }),
    { numRuns: 12 },
  );
}

/** Gradients of a device are those of the reference. */
export function graphGradientsAgree(device: string): void {
  const given = { seed: 5, nodes: 5, numHeads: 2, headDim: 3, edgeWidth: 3 };
  const gradientsOn = (name: string): (readonly [string, Float64Array])[] => {
    const graphs = drawGraphs(given, name);
    scope(() => backward(lossOf(graphs, given.seed)));
    return leavesOf(graphs).map(([path, each]) => [path, gradientOf(each)]);
  };
  const expected = new Map(gradientsOn('reference'));
  for (const [path, gradient] of gradientsOn(device))
    expectNear(gradient, expected.get(path)!, 10 * roundingOf(device), path);
}
