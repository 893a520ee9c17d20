/** Where the time of a piece of work goes, kernel by kernel. */
import type { Device, KernelCall } from '../core/device.ts';

export interface KernelProfile {
  readonly kernel: string;
  readonly calls: number;
  readonly milliseconds: number;
}

/**
 * Runs `body` and measures every kernel that it launches.
 *
 * @returns kernels by the time they took, and the wall-clock time of the whole
 */
export function profileKernels(
  device: Device,
  body: () => void,
): { readonly kernels: KernelProfile[]; readonly milliseconds: number } {
  const found = new Map<string, { calls: number; milliseconds: number }>();
  const { launch } = device;
  device.launch = (call: KernelCall) => {
    const start = performance.now();
    launch(call);
    const entry = found.get(labelOf(call)) ?? { calls: 0, milliseconds: 0 };
    entry.calls++;
    entry.milliseconds += performance.now() - start;
    found.set(labelOf(call), entry);
  };
  const start = performance.now();
  try {
    body();
  } finally {
    device.launch = launch;
  }
  const milliseconds = performance.now() - start;
  const kernels = [...found].map(([kernel, entry]) => ({ kernel, ...entry }));
  return { kernels: kernels.sort((a, b) => b.milliseconds - a.milliseconds), milliseconds };
}

/** A matrix product with its shape; other kernels by name. */
function labelOf({ name, ints }: KernelCall): string {
  if (name !== 'gemm') return name;
  const [transA, transB, m, n, k] = ints;
  return `gemm ${m}×${n}×${k}${transA ? ' Aᵀ' : ''}${transB ? ' Bᵀ' : ''}`;
}
