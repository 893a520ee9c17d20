/** The projection along the length against loops. */
import { describe, test } from 'vitest';
import { blank, expectKernel, noise } from '../../../tests/support/native-kernels.ts';

interface Setup {
  readonly starts: readonly number[];
  /** Matrices, rows of each, columns of each, and width of a block of columns of x. */
  readonly P: number;
  readonly K: number;
  readonly room: number;
  readonly D: number;
}

const setups: Record<string, Setup> = {
  'one sequence': { starts: [0, 5], P: 1, K: 3, room: 7, D: 6 },
  'one token, one row': { starts: [0, 1], P: 1, K: 1, room: 1, D: 1 },
  'a matrix for each head, sequences of which one is empty': {
    ...{ starts: [0, 3, 3, 20, 37], P: 3, K: 17, room: 20, D: 33 },
  },
  'columns and rows of several tasks': { starts: [0, 130], P: 2, K: 35, room: 130, D: 129 },
  'no sequence': { starts: [0], P: 2, K: 3, room: 4, D: 5 },
};

/** Calls `visit` with the places in y, x and E of every product. */
function eachProduct(
  { starts, P, K, room, D }: Setup,
  visit: (y: number, x: number, weight: number) => void,
): void {
  for (let b = 0; b + 1 < starts.length; b++)
    for (let t = starts[b]!; t < starts[b + 1]!; t++)
      for (let k = 0; k < K; k++)
        for (let c = 0; c < P * D; c++) {
          const weight = (Math.floor(c / D) * K + k) * room + t - starts[b]!;
          visit((b * K + k) * P * D + c, t * P * D + c, weight);
        }
}

function prepare(setup: Setup) {
  const { starts, P, K, room, D } = setup;
  const [sequences, total] = [starts.length - 1, starts.at(-1)!];
  return {
    x: noise(total * P * D, 1),
    weight: noise(P * K * room, 2),
    size: sequences * K * P * D,
    bounds: Int32Array.from(starts),
    ints: [sequences, P, K, D, room, total],
    items: sequences * P * Math.ceil(D / 64),
  };
}

describe('project_length', () => {
  for (const [name, setup] of Object.entries(setups)) {
    test(`forward: ${name}`, (context) => {
      const { x, weight, size, bounds, ints, items } = prepare(setup);
      const want = new Float64Array(size);
      eachProduct(setup, (to, from, at) => {
        want[to]! += weight[at]! * x[from]!;
      });
      const call = { kernel: 'project_length', outputs: [blank(size)], inputs: [x, weight, bounds], ints };
      expectKernel(context, { ...call, items }, [want], { absolute: 4e-6, relative: 1e-5 });
    });

    test(`backward: ${name}`, (context) => {
      const { x, weight, size, bounds, ints, items } = prepare(setup);
      const grad = noise(size, 3);
      const [dx, dWeight] = [new Float64Array(x.length), new Float64Array(weight.length)];
      eachProduct(setup, (to, from, at) => {
        dx[from]! += weight[at]! * grad[to]!;
        dWeight[at]! += grad[to]! * x[from]!;
      });
      const outputs = [blank(x.length), blank(weight.length)];
      const call = { kernel: 'project_length_backward', outputs, inputs: [x, weight, grad, bounds], ints };
      const all = items + setup.P * Math.ceil(setup.K / 16);
      expectKernel(context, { ...call, items: all }, [dx, dWeight], { absolute: 4e-6, relative: 1e-5 });
    });
  }
});
