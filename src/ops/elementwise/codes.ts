/** What the kernel of element-wise ops of one tensor is told to compute. */

/** Codes of `unary` in native/kernels/elementwise.c. */
const kernelCodes = [
  'neg',
  'exp',
  'log',
  'sqrt',
  'reciprocal',
  'tanh',
  'sigmoid',
  'relu',
  'gelu',
  'geluTanh',
  'silu',
  'abs',
  'square',
  'sin',
  'cos',
  'erf',
  'sign',
] as const;

/** The kernel's code of an op; −1 where it has none. */
export function unaryCode(name: string): number {
  return kernelCodes.indexOf(name as (typeof kernelCodes)[number]);
}
