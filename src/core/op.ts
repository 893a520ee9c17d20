/**
 * The contract between an op and everything else. One definition gives the op its shape rule, its maths, its
 * gradient, its kernels and the samples that feed the conformance suite.
 */
import { DeviceError, DTypeError, OutOfMemoryError } from '../errors.ts';
import { countCall, countFallback, isCounting } from './counter.ts';
import type { Device, KernelCall } from './device.ts';
import { defaultDevice } from './device.ts';
import type { DType } from './dtype.ts';
import { observed } from './observer.ts';
import { scope } from './scope.ts';
import { formatShape, type Shape, sizeOf } from './shape.ts';
import { isRecording, noGrad, record } from './tape.ts';
import { Tensor } from './tensor.ts';

/** Inputs of an op; null stands for an optional one that is absent. */
export type Inputs = readonly (Tensor | null)[];
type Shapes<I extends Inputs> = { readonly [K in keyof I]: I[K] extends Tensor ? Shape : Shape | null };

/** A tensor that a kernel writes beside its output. */
export interface TensorSpec {
  readonly shape: Shape;
  readonly dtype: DType | 'float';
}

export interface ForwardContext<I, P> {
  readonly inputs: I;
  readonly output: Tensor;
  readonly saved: readonly Tensor[];
  readonly params: P;
}

export interface BackwardContext<I, P> extends ForwardContext<I, P> {
  /** Gradient of the output. */
  readonly grad: Tensor;
  /** Which inputs need a gradient. */
  readonly needs: readonly boolean[];
}

export interface KernelBackwardContext<I, P> extends BackwardContext<I, P> {
  /** To be written: one per input that needs a gradient, else null. */
  readonly inputGrads: readonly (Tensor | null)[];
}

/** How a device runs an op. */
export interface KernelDefinition<I extends Inputs, P> {
  readonly names: readonly string[];
  /** Whether a call is so small that a launch takes longer than `compute`, which runs then; no fallback. */
  isSmall?(output: Shape, shapes: Shapes<I>, params: P): boolean;
  /** Extra results for the backward kernel. */
  saved?(shapes: Shapes<I>, params: P): readonly TensorSpec[];
  /** The launch, or undefined where these shapes are not for the kernel. */
  forward(context: ForwardContext<I, P>): KernelCall | undefined;
  backward?(context: KernelBackwardContext<I, P>): KernelCall;
  /** The input whose gradient the backward kernel may write over the input itself. */
  readonly overwrites?: number;
  /** The kernel that reads inputs stored as `bfloat16`; where there is none, the op refuses them. */
  readonly bf16Name?: string;
}

/** One case of the conformance suite: shapes of the inputs (or fixed values) and parameters. */
export interface Sample<P> {
  readonly inputs: readonly SampleInput[];
  readonly params: P;
  readonly note?: string;
}

/**
 * Random normal values of a shape, also with a smallest size; uniform values from a range; given values; or
 * an absent input.
 */
export type SampleInput =
  | Shape
  | { readonly shape: Shape; readonly values: readonly number[]; readonly dtype?: DType }
  | { readonly shape: Shape; readonly range: readonly [number, number] }
  | { readonly shape: Shape; readonly awayFromZero: number }
  | null;

interface CommonDefinition<I extends Inputs, P> {
  readonly name: string;
  /** The only shape rule, and the only place that throws a ShapeError. */
  readonly shape: (shapes: Shapes<I>, params: P) => Shape;
  /** Element type of the output; that of the first input by default, and a full float where that is `bfloat16`. */
  readonly dtype?: DType | ((params: P) => DType | undefined);
  readonly kernel?: KernelDefinition<I, P>;
  /** Floating-point operations of one call; the number of output elements by default. */
  readonly flops?: (shapes: Shapes<I>, params: P) => number;
  readonly samples: readonly Sample<P>[];
  /** The gradient is computed without the output's values, so that others may write over them. */
  readonly forgetsOutput?: boolean;
  /** The gradient is not defined everywhere near the samples, or not at all (integer results). */
  readonly differentiable?: boolean;
}

/** An op whose maths are loops over elements. */
export interface PrimitiveDefinition<I extends Inputs, P> extends CommonDefinition<I, P> {
  /** Fills `output.data`. */
  readonly compute: (context: Omit<ForwardContext<I, P>, 'saved'>) => void;
  /** Gradients of the inputs, in public ops, so that they run on every device and can be differentiated. */
  readonly backward?: (context: BackwardContext<I, P>) => readonly (Tensor | null)[];
  readonly reference?: undefined;
}

/** An op whose maths are other ops; its kernels are an optimisation. */
export interface FusedDefinition<I extends Inputs, P> extends CommonDefinition<I, P> {
  /** The maths in public ops: fallback, oracle and documentation. */
  readonly reference: (inputs: I, params: P) => Tensor;
  /** A better gradient than that of `reference`, in public ops. */
  readonly backward?: (context: BackwardContext<I, P>) => readonly (Tensor | null)[];
  readonly compute?: undefined;
}

/** What `defineOp` takes: a primitive with loops over elements, or a fused op made of other ops. */
export type OpDefinition<I extends Inputs, P> = PrimitiveDefinition<I, P> | FusedDefinition<I, P>;

/** An op as a function: its inputs, then its parameters. */
export type Op<I extends Inputs, P> = ((...args: [...I, P]) => Tensor) & {
  readonly definition: OpDefinition<I, P>;
};

// biome-ignore lint/suspicious/noExplicitAny: the registry holds ops of every signature
export type AnyOp = Op<any, any>;

const registry = new Map<string, AnyOp>();

/** Every op that was defined, for the conformance suite, `heed bench` and the documentation. */
export function definedOps(): ReadonlyMap<string, AnyOp> {
  return registry;
}

/**
 * Defines an op and registers it under its name.
 *
 * @returns the op as a function of its inputs and its parameters
 */
export function defineOp<I extends Inputs, P>(definition: OpDefinition<I, P>): Op<I, P> {
  const call = (...args: [...I, P]): Tensor => {
    const params = args[args.length - 1] as P;
    const inputs = args.slice(0, -1) as unknown as I;
    return observed(definition.name, () => run(definition, inputs, params));
  };
  const op = Object.assign(call, { definition });
  registry.set(definition.name, op as unknown as AnyOp);
  return op;
}

function run<I extends Inputs, P>(definition: OpDefinition<I, P>, inputs: I, params: P): Tensor {
  const device = deviceOf(definition.name, inputs);
  if (inputs.some((input) => input?.dtype === 'bfloat16')) checkBf16(definition, device);
  const shapes = inputs.map((input) => input?.shape ?? null) as unknown as Shapes<I>;
  const shape = definition.shape(shapes, params);
  const isSmall = definition.kernel?.isSmall?.(shape, shapes, params) ?? false;
  const launched =
    definition.kernel && !isSmall ? launch(definition, inputs, params, shape, shapes, device) : undefined;
  if (launched) {
    if (isCounting())
      countCall(definition.name, flopsOf(definition, shapes, params, shape), inputs, launched.output);
    return launched.output;
  }
  // A fused op without a kernel is others, which have theirs.
  const isFallback = !isSmall && (definition.kernel ?? definition.compute) !== undefined;
  if (isFallback && device.floatType === 'float32') countFallback(definition.name);
  const output = definition.compute
    ? computed(definition, inputs, params, shape, device)
    : composed(definition, inputs, params);
  if (isCounting() && definition.compute) {
    countCall(definition.name, flopsOf(definition, shapes, params, shape), inputs, output);
  }
  return output;
}

function flopsOf<I extends Inputs, P>(
  definition: OpDefinition<I, P>,
  shapes: Shapes<I>,
  params: P,
  shape: Shape,
): number {
  return definition.flops ? definition.flops(shapes, params) : sizeOf(shape);
}

function deviceOf(name: string, inputs: Inputs): Device {
  let device: Device | undefined;
  for (const input of inputs) {
    if (!input) continue;
    if (device && input.device !== device) {
      throw new DeviceError({
        where: name,
        expected: 'inputs on one device',
        got: `${device.name} and ${input.device.name}`,
        hint: 'move one with tensor.to(device)',
      });
    }
    device = input.device;
  }
  return device ?? defaultDevice();
}

function checkBf16<I extends Inputs, P>({ name, kernel }: OpDefinition<I, P>, device: Device): void {
  if (kernel?.bf16Name !== undefined && device.supports(kernel.bf16Name)) return;
  throw new DTypeError({
    where: name,
    expected: `inputs of ${device.floatType}`,
    got: 'bfloat16',
    hint: 'bfloat16 is how vectors are stored on their way into a product: only matmul and linear read it',
  });
}

function needsOf(inputs: Inputs): boolean[] {
  return inputs.map((input) => input?.requiresGrad ?? false);
}

function shouldRecord(definition: { readonly differentiable?: boolean }, inputs: Inputs): boolean {
  return isRecording() && definition.differentiable !== false && inputs.some((input) => input?.requiresGrad);
}

/** Runs the device's kernel; undefined when it has none for this call. */
function launch<I extends Inputs, P>(
  definition: OpDefinition<I, P>,
  inputs: I,
  params: P,
  shape: Shape,
  shapes: Shapes<I>,
  device: Device,
): { output: Tensor } | undefined {
  const kernel = definition.kernel!;
  if (!kernel.names.every((name) => device.supports(name))) return undefined;
  const { name } = definition;
  const output = Tensor.empty(shape, outputType(definition, inputs, params, device), device, name);
  const saved = (kernel.saved?.(shapes, params) ?? []).map((spec) =>
    Tensor.empty(spec.shape, spec.dtype === 'float' ? device.floatType : spec.dtype, device, name),
  );
  const call = kernel.forward({ inputs, output, saved, params });
  const discard = (): void => {
    for (const extra of saved) extra.dispose();
  };
  if (!call) {
    output.dispose();
    discard();
    return undefined;
  }
  launchFor(name, device, call, inputs);
  if (!shouldRecord(definition, inputs)) {
    discard();
  } else if (kernel.backward || definition.backward) {
    record(output, {
      op: definition.name,
      forgetsOutput: definition.forgetsOutput ?? false,
      inputs,
      saved,
      backward: (grad, result, isSpare) =>
        kernelBackward(
          definition,
          { inputs, output: result, saved, params, grad, needs: needsOf(inputs) },
          isSpare,
        ),
      ...(definition.reference ? { recompute: () => definition.reference(inputs, params) } : {}),
    });
  } else {
    output.dispose();
    discard();
    return undefined;
  }
  return { output };
}

/** Launches a kernel; where it finds no working memory, the error names the op and what it was given. */
function launchFor(name: string, device: Device, call: KernelCall, inputs: Inputs): void {
  try {
    device.launch(call);
  } catch (error) {
    if (!(error instanceof OutOfMemoryError)) throw error;
    const given = inputs.map((input) => (input ? formatShape(input.shape) : 'none')).join(' and ');
    throw error.saidBy(name, `the working memory for inputs ${given}`);
  }
}

function kernelBackward<I extends Inputs, P>(
  definition: OpDefinition<I, P>,
  context: BackwardContext<I, P>,
  isSpare: (input: Tensor) => boolean,
): readonly (Tensor | null)[] {
  const kernel = definition.kernel!;
  if (!kernel.backward) return definition.backward!(context);
  const { inputs, needs, output } = context;
  const name = `${definition.name}.backward`;
  const inputGrads = inputs.map((input, i) =>
    input && needs[i] ? gradientMemory(input, kernel.overwrites === i && isSpare(input), name) : null,
  );
  launchFor(name, output.device, kernel.backward({ ...context, inputGrads }), inputs);
  if (isCounting()) {
    const shapes = inputs.map((input) => input?.shape ?? null) as unknown as Shapes<I>;
    countCall(name, 2 * flopsOf(definition, shapes, context.params, output.shape), inputs, output);
  }
  return inputGrads;
}

function gradientMemory(input: Tensor, overwrites: boolean, name: string): Tensor {
  return overwrites ? input.detach() : Tensor.empty(input.shape, input.dtype, input.device, name);
}

function outputType<I extends Inputs, P>(
  { dtype }: OpDefinition<I, P>,
  inputs: I,
  params: P,
  device: Device,
): DType {
  const own = typeof dtype === 'function' ? dtype(params) : dtype;
  if (own !== undefined) return own;
  const first = inputs.find((input) => input !== null)?.dtype ?? device.floatType;
  return first === 'bfloat16' ? device.floatType : first;
}

function computed<I extends Inputs, P>(
  definition: PrimitiveDefinition<I, P>,
  inputs: I,
  params: P,
  shape: Shape,
  device: Device,
): Tensor {
  const output = Tensor.empty(shape, outputType(definition, inputs, params, device), device, definition.name);
  definition.compute({ inputs, output, params });
  if (definition.backward && shouldRecord(definition, inputs)) recordOwn(definition, inputs, params, output);
  return output;
}

/** Writes down an op that ran without a kernel and gives its gradient itself. */
function recordOwn<I extends Inputs, P>(
  definition: OpDefinition<I, P>,
  inputs: I,
  params: P,
  output: Tensor,
): void {
  const { reference } = definition;
  record(output, {
    op: definition.name,
    forgetsOutput: definition.forgetsOutput ?? false,
    inputs,
    saved: [],
    backward: (grad, result) =>
      definition.backward!({ inputs, output: result, saved: [], params, grad, needs: needsOf(inputs) }),
    ...(reference ? { recompute: () => reference(inputs, params) } : {}),
  });
}

function composed<I extends Inputs, P>(definition: FusedDefinition<I, P>, inputs: I, params: P): Tensor {
  const compose = (): Tensor => definition.reference(inputs, params);
  if (!definition.backward || !shouldRecord(definition, inputs)) return scope(compose);
  const output = scope(() => noGrad(compose));
  recordOwn(definition, inputs, params, output);
  return output;
}

/**
 * Checks the element type of an input.
 *
 * @throws {DTypeError} when it is another one
 */
export function expectType(where: string, name: string, input: Tensor, dtype: DType): void {
  if (input.dtype !== dtype) {
    throw new DTypeError({
      where,
      expected: `${name} of dtype ${dtype}`,
      got: input.dtype,
      hint: `make it with tensor(values, shape, { dtype: '${dtype}' })`,
    });
  }
}
