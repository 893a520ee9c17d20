/**
 * Reverse-mode automatic differentiation.
 *
 * Papers: Linnainmaa 1970; Rumelhart, Hinton & Williams, Learning representations by back-propagating errors, 1986.
 */
import { HeedError, ShapeError } from '../errors.ts';
import { observed } from './observer.ts';
import { giveTo } from './ownership.ts';
import { scope } from './scope.ts';
import { formatShape, sameShape } from './shape.ts';
import { full, type TapeNode, type Tensor } from './tensor.ts';

let recording = true;
let nextOrder = 0;

/** Whether ops are recorded now. */
export function isRecording(): boolean {
  return recording;
}

function withRecording<T>(value: boolean, body: () => T): T {
  const before = recording;
  recording = value;
  try {
    return body();
  } finally {
    recording = before;
  }
}

/** Runs `body` without recording: no graph, no gradients, less memory. */
export function noGrad<T>(body: () => T): T {
  return withRecording(false, body);
}

/** Not for users: writes down how `output` was computed. */
export function record(output: Tensor, node: Omit<TapeNode, 'order'>): void {
  output.node = { ...node, order: nextOrder++ };
  output.requiresGrad = true;
}

/** Sum of two gradients; the ops register theirs, because the core stands below them. */
export interface GradientArithmetic {
  add(a: Tensor, b: Tensor): Tensor;
  /** `a += b`, for a gradient that nothing else shares. */
  addInPlace(a: Tensor, b: Tensor): void;
}

let arithmetic: GradientArithmetic | undefined;

/** Not for users: called once by the ops. */
export function registerGradientArithmetic(implementation: GradientArithmetic): void {
  arithmetic = implementation;
}

/** How `backward` runs. */
export interface BackwardOptions {
  /** Gradient of the final quantity with respect to `output`; ones when it has a single element. */
  readonly grad?: Tensor;
  /** Keeps the graph and its intermediates, so that `backward` can run again. */
  readonly retain?: boolean;
  /** Records the gradients themselves, for derivatives of derivatives; implies `retain`. */
  readonly createGraph?: boolean;
}

/**
 * Adds the gradient of `output` to `grad` of every leaf that requires one, and frees the intermediates.
 *
 * @param output - usually a loss of shape `[]`
 * @throws {ShapeError} when `output` has several elements and no `grad` is given
 * @throws {HeedError} when nothing behind `output` requires a gradient, or its graph was freed before
 * @example
 * const w = tensor([1, 2], undefined, { requiresGrad: true });
 * backward(sum(square(w)));
 * w.grad?.toArray(); // [2, 4]
 */
export function backward(output: Tensor, options: BackwardOptions = {}): void {
  const gradients = differentiate(output, options);
  for (const [leaf, gradient] of gradients) {
    const previous = leaf.grad;
    leaf.grad = previous ? sumOf(previous, gradient) : gradient;
    if (leaf.kept) leaf.grad.keep();
    else giveTo(leaf.grad, leaf);
    if (previous && previous !== leaf.grad) previous.dispose();
  }
}

function sumOf(a: Tensor, b: Tensor): Tensor {
  if (a.ownsMemory && !isRecording()) {
    arithmetic!.addInPlace(a, b);
    b.dispose();
    return a;
  }
  return arithmetic!.add(a, b);
}

/**
 * The gradients of `output` with respect to `inputs`, without touching their `grad`.
 *
 * @returns one gradient per input, or null where `output` does not depend on it
 * @example
 * const [dx] = gradients(sum(square(x)), [x]);
 */
export function gradients(
  output: Tensor,
  inputs: readonly Tensor[],
  options: BackwardOptions = {},
): (Tensor | null)[] {
  const found = differentiate(output, options, new Set(inputs));
  return inputs.map((input) => found.get(input) ?? null);
}

function seedOf(output: Tensor, grad: Tensor | undefined): Tensor {
  if (grad) {
    if (!sameShape(grad.shape, output.shape)) {
      throw new ShapeError({
        where: 'backward',
        expected: `grad of shape ${formatShape(output.shape)}, like the output`,
        got: formatShape(grad.shape),
      });
    }
    return grad.detach();
  }
  if (output.size !== 1) {
    throw new ShapeError({
      where: 'backward',
      expected: 'an output of one element, or a grad',
      got: formatShape(output.shape),
      hint: 'reduce the output with sum or mean first, or pass { grad }',
    });
  }
  return full(output.shape, 1, { device: output.device });
}

function graphIsGone(): HeedError {
  return new HeedError(
    {
      where: 'backward',
      problem: 'the graph behind this output is gone: an earlier backward, a scope or dispose freed it',
      hint: 'pass { retain: true } to the earlier backward, or add the losses and run it once',
    },
    'E_FREED',
  );
}

/** In the place of a node that `backward` has used: going through it again must not look like reaching a leaf. */
const usedUp: TapeNode = {
  op: 'used up',
  order: -1,
  inputs: [],
  saved: [],
  backward: () => {
    throw graphIsGone();
  },
};

/** Every recorded tensor behind `output`, latest first, not looking behind `stopAt`; and how many ops read each. */
function recordedBehind(output: Tensor, stopAt: ReadonlySet<Tensor>) {
  const found = new Set<Tensor>();
  const readers = new Map<Tensor, number>();
  const pending = [output];
  for (let next = pending.pop(); next; next = pending.pop()) {
    if (found.has(next) || stopAt.has(next)) continue;
    if (next.isFreed) throw graphIsGone();
    if (!next.node) continue;
    found.add(next);
    for (const input of next.node.inputs) {
      if (!input?.requiresGrad) continue;
      pending.push(input);
      readers.set(input, (readers.get(input) ?? 0) + 1);
    }
  }
  return { tensors: [...found].sort((a, b) => b.node!.order - a.node!.order), readers };
}

function differentiate(
  output: Tensor,
  options: BackwardOptions,
  wanted?: ReadonlySet<Tensor>,
  stopAt: ReadonlySet<Tensor> = new Set(),
): Map<Tensor, Tensor> {
  if (!output.requiresGrad) {
    throw new HeedError({
      where: 'backward',
      problem: 'nothing behind this output requires a gradient',
      hint: 'make a leaf with { requiresGrad: true }, and do not run the forward pass inside noGrad',
    });
  }
  const createGraph = options.createGraph ?? false;
  const retain = createGraph || (options.retain ?? false);
  return withRecording(createGraph, () => {
    const pending = new Map<Tensor, Tensor>([[output, seedOf(output, options.grad)]]);
    const { tensors, readers } = recordedBehind(output, stopAt);
    const isSpare = (input: Tensor): boolean => {
      const isForgotten = !retain && !input.kept && !wanted?.has(input);
      return (
        isForgotten && input.node?.forgetsOutput === true && readers.get(input) === 1 && input.ownsMemory
      );
    };
    for (const tensor of tensors) {
      const grad = pending.get(tensor);
      if (grad && tensor.node) propagate(tensor, grad, pending, { createGraph, isSpare });
      if (grad && tensor.retainsGrad) tensor.grad = grad.view(grad.shape).keep();
      const isResult = wanted?.has(tensor) ?? false;
      if (!isResult) {
        pending.delete(tensor);
        if (!createGraph) grad?.dispose();
      }
      if (!retain) forget(tensor, tensor === output || isResult);
    }
    for (const leaf of pending.keys())
      if (wanted ? !wanted.has(leaf) : leaf.node !== undefined) pending.delete(leaf);
    return pending;
  });
}

/** Runs one recorded op backwards and adds its gradients to those that wait. */
function propagate(
  tensor: Tensor,
  grad: Tensor,
  pending: Map<Tensor, Tensor>,
  { createGraph, isSpare }: { readonly createGraph: boolean; readonly isSpare: (input: Tensor) => boolean },
): void {
  const node = tensor.node!;
  const found = scope(() =>
    observed(`${node.op}.backward`, () => {
      if (createGraph && node.recompute) return recomputedGradients(node, grad);
      return node.backward(grad, tensor, isSpare);
    }),
  );
  for (const [index, input] of node.inputs.entries()) {
    const returned = found[index];
    if (!returned) continue;
    // A backward may hand its own grad through, or one tensor twice; each receiver frees its own.
    const shared = returned === grad || found.indexOf(returned) !== index;
    const gradient = shared && !createGraph ? returned.detach() : returned;
    if (!input?.requiresGrad) {
      gradient.dispose();
      continue;
    }
    const waiting = pending.get(input);
    pending.set(input, waiting ? sumOf(waiting, gradient) : gradient);
  }
}

function recomputedGradients(node: TapeNode, grad: Tensor): (Tensor | null)[] {
  const wanted = new Set(node.inputs.filter((input): input is Tensor => input?.requiresGrad ?? false));
  const found = differentiate(node.recompute!(), { grad, createGraph: true }, wanted, wanted);
  return node.inputs.map((input) => (input && found.get(input)) ?? null);
}

/** Frees an intermediate and cuts it out of the graph. */
function forget(tensor: Tensor, keepData: boolean): void {
  for (const saved of tensor.node!.saved) saved.dispose();
  if (keepData || tensor.kept) tensor.node = usedUp;
  else tensor.dispose();
}
