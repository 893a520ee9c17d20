/**
 * Tensor: a contiguous, row-major array on a device, with an optional place in the graph of the tape.
 *
 * Several tensors may share one storage (`reshape`, `detach`); the storage goes back to its device's pool
 * when the last of them is freed by a scope, by `backward` or by `dispose`. Tensors made outside any scope
 * are left to the garbage collector.
 */
import { DTypeError, HeedError, OutOfMemoryError, ShapeError } from '../errors.ts';
import { type Device, defaultDevice, getDevice } from './device.ts';
import { type DType, isFloat, type TypedArray } from './dtype.ts';
import { adopt, type Owned } from './ownership.ts';
import { formatShape, type Shape, sizeOf, stridesOf } from './shape.ts';

/** Memory that tensors share, counted so that it is recycled exactly once. */
export class Storage {
  readonly data: TypedArray;
  readonly device: Device;
  references = 1;

  constructor(data: TypedArray, device: Device) {
    this.data = data;
    this.device = device;
  }

  release(): void {
    this.references--;
    if (this.references === 0) this.device.release(this.data);
  }
}

function allocate(shape: Shape, dtype: DType, device: Device, asker: string): TypedArray {
  try {
    return device.allocate(dtype, sizeOf(shape));
  } catch (error) {
    if (!(error instanceof OutOfMemoryError)) throw error;
    throw error.saidBy(asker, `a ${dtype} tensor ${formatShape(shape)}`);
  }
}

/** One recorded op: what `backward` needs to go from the output's gradient to the inputs' gradients. */
export interface TapeNode {
  readonly op: string;
  /** `backward` does not read the output's values. */
  readonly forgetsOutput?: boolean;
  /** Grows with every recorded op, so that descending order is a valid order for `backward`. */
  readonly order: number;
  readonly inputs: readonly (Tensor | null)[];
  /** Extra results of the forward kernel that only `backward` reads. */
  readonly saved: readonly Tensor[];
  /**
   * Gradients of the inputs; null where none is needed or none exists.
   *
   * @param isSpare - whether nobody will read an input again, so that its gradient may take its memory
   */
  backward(grad: Tensor, output: Tensor, isSpare: (input: Tensor) => boolean): readonly (Tensor | null)[];
  /** The same op written in primitive ops, for derivatives of derivatives. */
  recompute?(): Tensor;
}

/** Numbers in nested lists, as deep as the tensor has dimensions. */
export type NestedNumbers = number | readonly NestedNumbers[];

/** How a tensor is made. */
export interface TensorOptions {
  readonly dtype?: DType;
  readonly device?: Device | string;
  /** Whether `backward` leaves a gradient in `grad`. */
  readonly requiresGrad?: boolean;
}

/** Numbers of one element type in row-major order on one device, with a shape and, where asked for, a gradient. */
export class Tensor {
  readonly shape: Shape;
  readonly dtype: DType;
  requiresGrad: boolean;
  /** The gradient that `backward` left here; only leaves get one. */
  grad: Tensor | undefined;
  /** Asks `backward` to leave the gradient of this intermediate in `grad` too. */
  retainsGrad = false;
  /** How this tensor was computed; undefined for a leaf. */
  node: TapeNode | undefined;
  /** Longest chain of ops before this one, while a counter runs. */
  depth = 0;
  private storage: Storage | undefined;
  private readonly home: Device;

  /** Not for users: see `tensor`, `zeros`, `full`. Takes over one reference of `storage`. */
  constructor(shape: Shape, dtype: DType, storage: Storage) {
    this.shape = shape;
    this.dtype = dtype;
    this.storage = storage;
    this.home = storage.device;
    this.requiresGrad = false;
    adopt(this);
  }

  /**
   * Uninitialised memory on `device`: every element must be written.
   *
   * @param asker - the op or layer that an error names
   * @throws {OutOfMemoryError} when the device has no room for it
   */
  static empty(shape: Shape, dtype: DType, device: Device, asker = 'tensor'): Tensor {
    return new Tensor(shape, dtype, new Storage(allocate(shape, dtype, device, asker), device));
  }

  get device(): Device {
    return this.home;
  }

  /** Number of elements. */
  get size(): number {
    return sizeOf(this.shape);
  }

  get strides(): number[] {
    return stridesOf(this.shape);
  }

  /**
   * The elements, row-major. Writing to them changes the tensor behind the tape's back: for leaves only.
   *
   * @throws {HeedError} when the tensor has been freed
   */
  get data(): TypedArray {
    if (!this.storage) {
      throw new HeedError(
        {
          where: `Tensor ${formatShape(this.shape)}`,
          problem: 'its memory was freed, by the end of a scope, by backward or by dispose',
          hint: 'return it from the scope, or call keep() on it before',
        },
        'E_FREED',
      );
    }
    return this.storage.data;
  }

  get isFreed(): boolean {
    return this.storage === undefined;
  }

  /** Whether no other tensor shares the memory, so that an internal sum may write into it. */
  get ownsMemory(): boolean {
    return this.storage?.references === 1;
  }

  /** The same memory under another shape, outside the tape; `reshape` of the ops is recorded. */
  view(shape: Shape): Tensor {
    if (sizeOf(shape) !== this.size) {
      throw new ShapeError({
        where: 'view',
        expected: `a shape of ${this.size} elements`,
        got: formatShape(shape),
      });
    }
    void this.data;
    this.storage!.references++;
    return new Tensor(shape, this.dtype, this.storage!);
  }

  /** The same memory without its history: gradients stop here. */
  detach(): Tensor {
    return this.view(this.shape);
  }

  /** Takes the tensor out of every scope: it lives until `dispose` or the garbage collector. */
  keep(): this {
    this.kept = true;
    return this;
  }

  /** Whether scopes and `backward` leave it alone. */
  kept = false;

  /** Not for users: the scope that frees it. */
  owner: Owned[] | undefined;

  /** Frees the memory now. */
  dispose(): void {
    this.storage?.release();
    this.storage = undefined;
    this.node = undefined;
  }

  /** The only element. */
  item(): number {
    if (this.size !== 1) {
      throw new ShapeError({
        where: 'item',
        expected: 'a tensor of one element',
        got: formatShape(this.shape),
      });
    }
    return this.data[0]!;
  }

  /** Nested arrays of numbers. */
  toArray(): NestedNumbers {
    const { data, shape, strides } = this;
    const build = (axis: number, offset: number): NestedNumbers =>
      axis === shape.length
        ? data[offset]!
        : Array.from({ length: shape[axis]! }, (_, i) => build(axis + 1, offset + i * strides[axis]!));
    return build(0, 0);
  }

  /** A copy on another device, outside the tape; floats take that device's precision. */
  to(device: Device | string): Tensor {
    const target = typeof device === 'string' ? getDevice(device) : device;
    const dtype = isFloat(this.dtype) ? target.floatType : this.dtype;
    const copy = Tensor.empty(this.shape, dtype, target);
    copy.data.set(this.data);
    copy.requiresGrad = this.requiresGrad && this.node === undefined;
    return copy;
  }

  toString(): string {
    return `Tensor(${this.dtype} ${formatShape(this.shape)} on ${this.home.name})`;
  }
}

function resolveDevice(device: Device | string | undefined): Device {
  if (device === undefined) return defaultDevice();
  return typeof device === 'string' ? getDevice(device) : device;
}

function flatten(values: NestedNumbers, into: number[] = []): number[] {
  if (typeof values === 'number') into.push(values);
  else for (const value of values) flatten(value, into);
  return into;
}

function shapeOfNested(values: NestedNumbers): number[] {
  const shape: number[] = [];
  for (let level: NestedNumbers = values; Array.isArray(level); level = level[0] as NestedNumbers) {
    shape.push(level.length);
    if (level.length === 0) break;
  }
  return shape;
}

/**
 * A tensor from numbers: nested arrays, or flat values with a shape.
 *
 * @param values - nested arrays of numbers, or a flat array (or typed array) when `shape` is given
 * @param shape - the shape of flat values
 * @throws {ShapeError} when the number of values is not that of the shape, or nested arrays are ragged
 * @example
 * tensor([[1, 2], [3, 4]]);
 * tensor(new Int32Array([1, 2]), [2], { dtype: 'int32' });
 */
export function tensor(
  values: NestedNumbers | ArrayLike<number>,
  shape?: Shape,
  options: TensorOptions = {},
): Tensor {
  const device = resolveDevice(options.device);
  const dtype = floatOf(options.dtype ?? device.floatType, device);
  const nested = values as NestedNumbers;
  const flat: ArrayLike<number> = ArrayBuffer.isView(values)
    ? (values as unknown as ArrayLike<number>)
    : typeof nested === 'number'
      ? [nested]
      : flatten(nested);
  const outer = shape ?? (ArrayBuffer.isView(values) ? [flat.length] : shapeOfNested(nested));
  if (sizeOf(outer) !== flat.length) {
    throw new ShapeError({
      where: 'tensor',
      expected: `${sizeOf(outer)} values for shape ${formatShape(outer)}`,
      got: `${flat.length}`,
      hint: 'every row of nested arrays needs the same length',
    });
  }
  const made = Tensor.empty(outer, dtype, device);
  made.data.set(flat);
  made.requiresGrad = options.requiresGrad ?? false;
  if (made.requiresGrad && !isFloat(dtype)) {
    throw new DTypeError({
      where: 'tensor',
      expected: 'a floating-point dtype for requiresGrad',
      got: dtype,
    });
  }
  return made;
}

/** float32 and float64 both mean the device's own precision. */
function floatOf(dtype: DType, device: Device): DType {
  return isFloat(dtype) ? device.floatType : dtype;
}

/** A tensor with every element equal to `value`. */
export function full(shape: Shape, value: number, options: TensorOptions = {}): Tensor {
  const device = resolveDevice(options.device);
  const made = Tensor.empty(shape, floatOf(options.dtype ?? device.floatType, device), device, 'full');
  made.data.fill(value);
  made.requiresGrad = options.requiresGrad ?? false;
  return made;
}

/** A tensor of zeros. */
export function zeros(shape: Shape, options: TensorOptions = {}): Tensor {
  return full(shape, 0, options);
}
