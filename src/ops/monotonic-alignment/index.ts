/**
 * Where a reader that only moves forward stops, in expectation.
 *
 * For output t it goes on from the place where it stopped for t − 1, and stops at each source place s with probability
 * `p[t, s]`: `α[t, s] = p[t, s] q[t, s]` with `q[t, s] = (1 − p[t, s − 1]) q[t, s − 1] + α[t − 1, s]`, the probability
 * that it comes by. It starts at the first place. What runs off the end stops nowhere.
 *
 * Paper: Raffel et al., Online and Linear-Time Attention by Enforcing Monotonic Alignments, 2017,
 * https://arxiv.org/abs/1704.00784, §2.3
 */
import type { KernelCall } from '../../core/device.ts';
import { defineOp } from '../../core/op.ts';
import { formatShape, sizeOf } from '../../core/shape.ts';
import type { Tensor } from '../../core/tensor.ts';
import { ShapeError } from '../../errors.ts';
import { reshape } from '../shape/reshape.ts';
import { slice } from '../shape/slice.ts';

type None = Record<never, never>;

/** α and q of one batch entry of `T · S` probabilities; `first` is the α before them, all at the first place by default. */
function walk(p: ArrayLike<number>, T: number, S: number, first?: ArrayLike<number>) {
  const [alpha, reached] = [new Float64Array(T * S), new Float64Array(T * S)];
  for (let t = 0; t < T; t++) {
    let passing = 0;
    for (let s = 0; s < S; s++) {
      const at = t * S + s;
      const before = t > 0 ? alpha[at - S]! : (first?.[s] ?? Number(s === 0));
      reached[at] = passing + before;
      alpha[at] = p[at]! * reached[at]!;
      passing = (1 - p[at]!) * reached[at]!;
    }
  }
  return { alpha, reached };
}

/** Gradients of p, and of the row before them behind it: from the last output and place back to the first. */
function walkBack(
  p: ArrayLike<number>,
  grad: ArrayLike<number>,
  T: number,
  S: number,
  first?: ArrayLike<number>,
): Float64Array {
  const { reached } = walk(p, T, S, first);
  const result = new Float64Array((T + 1) * S);
  let later = new Float64Array(S); // gradient of q[t + 1], which is that of α[t] too
  for (let t = T - 1; t >= 0; t--) {
    const own = new Float64Array(S);
    for (let s = S - 1; s >= 0; s--) {
      const at = t * S + s;
      const dAlpha = grad[at]! + later[s]!;
      const dPassing = s + 1 < S ? own[s + 1]! : 0;
      result[at] = reached[at]! * (dAlpha - dPassing);
      own[s] = p[at]! * dAlpha + (1 - p[at]!) * dPassing;
    }
    later = own;
  }
  result.set(later, T * S);
  return result;
}

/** Entries of the batch, outputs of each, places. */
function sizesOf(p: Tensor): readonly [entries: number, T: number, S: number] {
  return [sizeOf(p.shape.slice(0, -2)), p.shape.at(-2)!, p.shape.at(-1)!];
}

const probabilities = (shape: readonly number[]) => ({ shape, range: [0.05, 0.95] }) as const;

type Start = Tensor | null;

/** Part `entry` of a tensor whose parts hold `size` numbers. */
const partOf = (x: Tensor, entry: number, size: number) => x.data.subarray(entry * size, (entry + 1) * size);

// As native/kernels/monotonic.c has it; a place is some eight operations, each of which waits for the one before.
const ENTRIES_OF_ITEM = 4;
const WORK_OF_PLACE = 8;

/** The launch of a kernel whose items are groups of batch entries. */
function launchOf(name: string, tensors: KernelCall['tensors'], p: Tensor): KernelCall {
  const [entries, T, S] = sizesOf(p);
  return {
    name,
    tensors,
    ints: [entries, T, S],
    floats: [],
    items: Math.ceil(entries / ENTRIES_OF_ITEM),
    workPerItem: ENTRIES_OF_ITEM * T * S * WORK_OF_PLACE,
  };
}

const gradientOp = defineOp<readonly [grad: Tensor, p: Tensor, before: Start], None>({
  name: 'monotonicAlignmentGradient',
  samples: [
    { inputs: [[2, 3, 4], probabilities([2, 3, 4]), null], params: {} },
    { inputs: [[2, 3, 4], probabilities([2, 3, 4]), probabilities([2, 4])], params: {} },
    { inputs: [[5, 4, 33], probabilities([5, 4, 33]), probabilities([5, 33])], params: {} },
    { inputs: [[7, 1], probabilities([7, 1]), null], params: {}, note: 'one place' },
    { inputs: [[2, 0, 3], [2, 0, 3], probabilities([2, 3])], params: {}, note: 'no output' },
  ],
  shape: ([, p]) => [...p.slice(0, -2), p.at(-2)! + 1, p.at(-1)!],
  differentiable: false,
  flops: ([, p]) => 8 * sizeOf(p),
  compute: ({ inputs: [grad, p, before], output }) => {
    const [entries, T, S] = sizesOf(p);
    for (let entry = 0; entry < entries; entry++) {
      const [own, upstream] = [partOf(p, entry, T * S), partOf(grad, entry, T * S)];
      const all = walkBack(own, upstream, T, S, before ? partOf(before, entry, S) : undefined);
      output.data.set(all, entry * (T + 1) * S);
    }
  },
  kernel: {
    names: ['monotonic_alignment_backward'],
    forward: ({ inputs: [grad, p, before], output }) =>
      launchOf('monotonic_alignment_backward', [output.data, grad.data, p.data, before?.data ?? null], p),
  },
});

const op = defineOp<readonly [p: Tensor, before: Start], None>({
  name: 'monotonicAlignment',
  samples: [
    { inputs: [probabilities([2, 3, 4]), null], params: {} },
    { inputs: [probabilities([5, 1]), null], params: {}, note: 'one place' },
    { inputs: [probabilities([1, 33]), null], params: {} },
    { inputs: [{ shape: [2, 3], values: [0, 1, 0.5, 1, 0, 1] }, null], params: {}, note: 'certain stops' },
    { inputs: [probabilities([3, 2, 5]), probabilities([3, 5])], params: {}, note: 'behind other outputs' },
    { inputs: [probabilities([5, 4, 33]), probabilities([5, 33])], params: {} },
    { inputs: [[0, 3], null], params: {} },
    { inputs: [[2, 0, 3], probabilities([2, 3])], params: {}, note: 'no output' },
    { inputs: [[0, 2, 3], null], params: {}, note: 'no entry' },
  ],
  shape: ([p]) => {
    if (p.length < 2) {
      throw new ShapeError({ where: 'monotonicAlignment', expected: 'p [..., T, S]', got: formatShape(p) });
    }
    return p;
  },
  flops: ([p]) => 4 * sizeOf(p),
  compute: ({ inputs: [p, before], output }) => {
    const [entries, T, S] = sizesOf(p);
    for (let entry = 0; entry < entries; entry++) {
      const first = before ? partOf(before, entry, S) : undefined;
      output.data.set(walk(partOf(p, entry, T * S), T, S, first).alpha, entry * T * S);
    }
  },
  backward: ({ inputs: [p, before], grad }) => {
    const all = gradientOp(grad, p, before, {});
    const [axis, T] = [p.shape.length - 2, p.shape.at(-2)!];
    return [slice(all, axis, 0, T), before && reshape(slice(all, axis, T), before.shape)];
  },
  kernel: {
    names: ['monotonic_alignment'],
    forward: ({ inputs: [p, before], output }) =>
      launchOf('monotonic_alignment', [output.data, p.data, before?.data ?? null], p),
  },
});

/**
 * Probability that output t stops at source place s, over all monotonic paths.
 *
 * @param p - `[..., T, S]`: probability of stopping at s when it comes by, 0 … 1
 * @returns `[..., T, S]`; a row sums to at most 1
 * @throws {ShapeError} when p has less than two axes
 * @example
 * monotonicAlignment(sigmoid(scores)); // [B, T, S]
 */
export function monotonicAlignment(p: Tensor): Tensor {
  return op(p, null, {});
}

/**
 * As `monotonicAlignment`, for outputs that follow others.
 *
 * @param p - `[B, T, S]`
 * @param before - the row of the output before them, `[B, S]`
 * @returns `[B, T, S]`
 * @throws {ShapeError} when the shapes do not belong together
 */
export function continuedAlignment(p: Tensor, before: Tensor): Tensor {
  if (p.shape.length !== 3 || formatShape(before.shape) !== formatShape([p.shape[0]!, p.shape[2]!])) {
    const got = `${formatShape(p.shape)} and ${formatShape(before.shape)}`;
    throw new ShapeError({ where: 'continuedAlignment', expected: 'p [B, T, S] and before [B, S]', got });
  }
  return op(p, before, {});
}
