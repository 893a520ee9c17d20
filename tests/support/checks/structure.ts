/** What attention to trees and graphs must keep. */
import fc from 'fast-check';
import { expect } from 'vitest';
import {
  edgeMask,
  GraphAttention,
  noGrad,
  Random,
  tensor,
  treeDepths,
  treeDistances,
} from '../../../src/index.ts';
import { roundingOf } from '../devices.ts';
import { disturb } from '../models.ts';
import { expectNear, leaf, rowOf } from '../numbers.ts';

/** Steps of a breadth-first search over the edges, from one node to all. */
function search(neighbours: readonly (readonly number[])[], from: number): number[] {
  const steps = neighbours.map(() => Number.POSITIVE_INFINITY);
  steps[from] = 0;
  const queue = [from];
  for (let at = queue.shift(); at !== undefined; at = queue.shift()) {
    for (const next of neighbours[at]!) {
      if (steps[next]! <= steps[at]! + 1) continue;
      steps[next] = steps[at]! + 1;
      queue.push(next);
    }
  }
  return steps;
}

/** Depths and distances of random trees are the shortest ways that a search finds. */
export function treeDistancesEqualSearch(): void {
  const trees = fc.array(fc.nat(), { minLength: 1, maxLength: 12 }).map((draws) => {
    const order = draws.map((_, i) => i).toSorted((a, b) => (draws[a]! % 97) - (draws[b]! % 97));
    const heads = new Array<number>(draws.length).fill(-1);
    for (let i = 1; i < order.length; i++) heads[order[i]!] = order[draws[i]! % i]!;
    return heads;
  });
  fc.assert(
    fc.property(trees, (heads) => {
      const neighbours = heads.map((head, i) => [
        ...(head === -1 ? [] : [head]),
        ...heads.flatMap((other, j) => (other === i ? [j] : [])),
      ]);
      expect(Array.from(treeDepths(heads))).toEqual(search(neighbours, heads.indexOf(-1)));
      const all = heads.flatMap((_, from) => search(neighbours, from));
      expect(Array.from(treeDistances(heads))).toEqual(all);
    }),
  );
}

const NODES = 5;
const edges = [
  [0, 1],
  [1, 2],
  [2, 0],
  [3, 4],
  [4, 0],
  [4, 3],
] as const;

function graphLayer(device: string): GraphAttention {
  const random = new Random(2, 'graph');
  return disturb(new GraphAttention({ dModel: 8, numHeads: 2, edgeWidth: 3 }, { random, device }), 2);
}

/** Nodes, edges and what is known of them under other names: outputs move with their nodes. */
export function relabelled(device = 'reference'): void {
  const layer = graphLayer(device);
  const x = leaf([1, NODES, 8], 1, 'nodes', device);
  const features = leaf([1, NODES, NODES, 3], 1, 'edges', device);
  const order = [3, 0, 4, 1, 2];
  const named = edges.map(([t, s]) => [order.indexOf(t), order.indexOf(s)] as const);
  const rows = (values: ArrayLike<number>): number[] => order.flatMap((node) => rowOf(values, node, 8));
  const pairs = order.flatMap((t) => order.flatMap((s) => rowOf(features.data, t * NODES + s, 3)));
  const place = { device: x.device };
  const plain = noGrad(() => layer.forward(x, edgeMask(NODES, edges, place), features));
  const other = noGrad(() =>
    layer.forward(
      tensor(rows(x.data), x.shape, place),
      edgeMask(NODES, named, place),
      tensor(pairs, features.shape, place),
    ),
  );
  expectNear(other.data, rows(plain.data), roundingOf(device), 'names');
}

/** Another vector of a node changes the outputs of exactly the nodes that it has an edge to, and its own. */
export function edgesHideNodes(): void {
  const layer = graphLayer('reference');
  const x = leaf([1, NODES, 8], 1, 'nodes');
  const run = (): number[] =>
    Array.from(noGrad(() => layer.forward(x, edgeMask(NODES, edges, { device: x.device }))).data);
  for (let node = 0; node < NODES; node++) {
    const before = run();
    x.data[node * 8] = x.data[node * 8]! + 1;
    const after = run();
    for (let other = 0; other < NODES; other++) {
      const sees = other === node || edges.some(([t, s]) => t === other && s === node);
      expect(rowOf(after, other, 8).some((value, c) => value !== before[other * 8 + c]!)).toBe(sees);
    }
  }
}
