/** Tensors, scopes, the tape, devices, the op contract and random numbers. */
export { type Counts, countOps, fallbackCounts, type OpCount } from './counter.ts';
export {
  type Device,
  type DeviceEntry,
  defaultDevice,
  deviceNames,
  getDevice,
  type KernelCall,
  type MemoryStats,
  registerDevice,
  setDefaultDevice,
  whyUnavailable,
  withDevice,
} from './device.ts';
export { type DType, type FloatDType, isFloat, type TypedArray } from './dtype.ts';
export { definedOps, defineOp, type Op, type OpDefinition, type Sample } from './op.ts';
export { currentPrecision, type Precision, withPrecision } from './precision.ts';
export { Random, type RandomState } from './random.ts';
export { scope } from './scope.ts';
export { broadcastShapes, formatShape, type Shape, sizeOf, stridesOf } from './shape.ts';
export { type BackwardOptions, backward, gradients, isRecording, noGrad } from './tape.ts';
export { full, type NestedNumbers, Tensor, type TensorOptions, tensor, zeros } from './tensor.ts';
