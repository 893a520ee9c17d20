/** The matrix product as loops: what every kernel is compared with. */
import type { TypedArray } from '../../core/dtype.ts';

export interface LoopSizes {
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly transposeA: boolean;
  readonly transposeB: boolean;
}

/** `c[m, n] = Σ_k a[m, k] b[k, n]`, each side possibly stored transposed; the innermost loop runs over memory. */
export function multiply(a: TypedArray, b: TypedArray, c: TypedArray, sizes: LoopSizes): void {
  if (sizes.transposeB) multiplyByRows(a, b, c, sizes);
  else multiplyByColumns(a, b, c, sizes);
}

function multiplyByRows(
  a: TypedArray,
  b: TypedArray,
  c: TypedArray,
  { m, n, k, transposeA }: LoopSizes,
): void {
  const [rowStep, innerStep] = transposeA ? [1, m] : [k, 1];
  for (let i = 0; i < m; i++) {
    for (let j = 0; j < n; j++) {
      let total = 0;
      for (let p = 0; p < k; p++) total += a[i * rowStep + p * innerStep]! * b[j * k + p]!;
      c[i * n + j] = total;
    }
  }
}

function multiplyByColumns(
  a: TypedArray,
  b: TypedArray,
  c: TypedArray,
  { m, n, k, transposeA }: LoopSizes,
): void {
  const [rowStep, innerStep] = transposeA ? [1, m] : [k, 1];
  const total = new Float64Array(n);
  for (let i = 0; i < m; i++) {
    total.fill(0);
    for (let p = 0; p < k; p++) {
      const factor = a[i * rowStep + p * innerStep]!;
      const row = p * n;
      for (let j = 0; j < n; j++) total[j]! += factor * b[row + j]!;
    }
    c.set(total, i * n);
  }
}
