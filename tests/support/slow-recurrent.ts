/** Recurrent cells, convolution and monotonic alignment as scalar loops, written apart from the ops. */

type Numbers = ArrayLike<number>;

const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));

/** Gates of a cell, in the order in which PyTorch stacks them. */
export const slowGates = { elman: 1, elmanRelu: 1, lstm: 4, gru: 3 } as const;

export type SlowCell = keyof typeof slowGates;

/** Row `row` of a matrix times a vector, and a bias. */
function product(weight: Numbers, row: number, x: readonly number[], bias: Numbers): number {
  return x.reduce((sum, value, c) => sum + weight[row * x.length + c]! * value, bias[row]!);
}

export interface SlowWeights {
  /** `[gates · H, C]`, `[gates · H]` */
  readonly input: Numbers;
  readonly inputBias: Numbers;
  /** `[gates · H, H]`, `[gates · H]` */
  readonly state: Numbers;
  readonly stateBias: Numbers;
}

/** The states before the first step. */
export interface SlowStart {
  readonly hidden: readonly number[];
  readonly cell: readonly number[];
}

/**
 * One sequence through one layer: the states after every step, the last cell state.
 *
 * LSTM (Hochreiter & Schmidhuber 1997): gates i f g o. GRU (Cho et al. 2014): r z n, the reset on the product.
 */
export function slowRecurrent(
  kind: SlowCell,
  steps: readonly (readonly number[])[],
  weights: SlowWeights,
  start: SlowStart,
): { hidden: number[][]; cell: number[] } {
  const H = start.hidden.length;
  let [h, c] = [[...start.hidden], [...start.cell]];
  const hidden = steps.map((x) => {
    const fromInput = (gate: number, j: number) => product(weights.input, gate * H + j, x, weights.inputBias);
    const fromState = (gate: number, j: number) => product(weights.state, gate * H + j, h, weights.stateBias);
    const sum = (gate: number, j: number): number => fromInput(gate, j) + fromState(gate, j);
    const next = h.map((value, j) => {
      if (kind === 'elman') return Math.tanh(sum(0, j));
      if (kind === 'elmanRelu') return Math.max(0, sum(0, j));
      if (kind === 'gru') {
        const [r, z] = [sigmoid(sum(0, j)), sigmoid(sum(1, j))];
        return (1 - z) * Math.tanh(fromInput(2, j) + r * fromState(2, j)) + z * value;
      }
      return 0;
    });
    if (kind === 'lstm') {
      c = c.map((value, j) => sigmoid(sum(1, j)) * value + sigmoid(sum(0, j)) * Math.tanh(sum(2, j)));
      h = c.map((value, j) => sigmoid(sum(3, j)) * Math.tanh(value));
    } else h = next;
    return h;
  });
  return { hidden, cell: c };
}

/** `y[t, o] = b[o] + Σ_i Σ_c w[o, i, c] x[t · stride + i · dilation − before, c]`, zeros outside. */
export function slowConvolution(
  x: readonly (readonly number[])[],
  weight: (out: number, tap: number, channel: number) => number,
  bias: Numbers,
  {
    taps,
    stride,
    dilation,
    before,
    after,
  }: { taps: number; stride: number; dilation: number; before: number; after: number },
): number[][] {
  const outputs: number[][] = [];
  for (let first = -before; first + dilation * (taps - 1) < x.length + after; first += stride) {
    outputs.push(
      Array.from(bias, (offset, o) => {
        let total = offset;
        for (let i = 0; i < taps; i++) {
          x[first + i * dilation]?.forEach((value, c) => {
            total += weight(o, i, c) * value;
          });
        }
        return total;
      }),
    );
  }
  return outputs;
}

/** Every path of a reader that only moves forward, with its probability; adds up where it stops for each output. */
export function enumeratedAlignment(p: readonly (readonly number[])[]): number[][] {
  const alpha = p.map((row) => row.map(() => 0));
  const walk = (t: number, from: number, probability: number): void => {
    if (t === p.length) return;
    let passing = probability;
    for (let s = from; s < p[t]!.length; s++) {
      const stops = passing * p[t]![s]!;
      alpha[t]![s]! += stops;
      walk(t + 1, s, stops);
      passing *= 1 - p[t]![s]!;
    }
  };
  walk(0, 0, 1);
  return alpha;
}

/** The same over an image with zeros around it, stride 1: `[height, width, out]`. */
export function slowConvolution2d(
  x: Numbers,
  weight: Numbers,
  bias: Numbers,
  {
    height,
    width,
    channels,
    taps,
  }: { readonly height: number; readonly width: number; readonly channels: number; readonly taps: number },
): number[] {
  const reach = (taps - 1) / 2;
  const outputs: number[] = [];
  for (let i = 0; i < height * width * bias.length; i++) {
    const o = i % bias.length;
    const pixel = Math.floor(i / bias.length);
    let total = bias[o]!;
    for (let v = 0; v < taps; v++) {
      for (let u = 0; u < taps; u++) {
        const [row, column] = [Math.floor(pixel / width) + v - reach, (pixel % width) + u - reach];
        if (row < 0 || row >= height || column < 0 || column >= width) continue;
        for (let c = 0; c < channels; c++) {
          const tap = weight[((o * taps + v) * taps + u) * channels + c]!;
          total += tap * x[(row * width + column) * channels + c]!;
        }
      }
    }
    outputs.push(total);
  }
  return outputs;
}
