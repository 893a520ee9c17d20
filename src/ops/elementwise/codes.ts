/** What kernels of element-wise ops are told: a name's place is its code in native/kernels/elementwise.c. */

/** What `unary` computes. */
export const unaryNames = [
  ...(['neg', 'exp', 'log', 'sqrt', 'reciprocal', 'tanh', 'sigmoid', 'relu', 'gelu'] as const),
  ...(['geluTanh', 'silu', 'abs', 'square', 'sin', 'cos', 'erf', 'sign'] as const),
] as const;

/** What `binary` computes. */
export const binaryNames = ['add', 'sub', 'mul', 'div', 'maximum', 'minimum'] as const;

/** How the operands of `binary` fit together: a row repeats, a column is one value a row. */
export const binaryModes = ['same', 'bRow', 'bScalar', 'aScalar', 'bColumn', 'aRow', 'aColumn'] as const;

/** One of them. */
export type BinaryMode = (typeof binaryModes)[number];

/** The kernel's code of an op; −1 where it has none. */
export function unaryCode(name: string): number {
  return (unaryNames as readonly string[]).indexOf(name);
}
