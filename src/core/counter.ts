/**
 * A counter hooked into the op layer: calls, floating-point operations, bytes and sequential steps are what
 * ran, not what a formula says should run.
 */
import { bytesOf } from './dtype.ts';
import type { Tensor } from './tensor.ts';

/** What one op did while the counter ran. */
export interface OpCount {
  calls: number;
  flops: number;
  /** Fewest bytes that had to move: every input and output once. */
  bytes: number;
}

/** What was computed while counting: calls by op, floating-point operations, bytes moved and sequential steps. */
export interface Counts {
  readonly ops: ReadonlyMap<string, OpCount>;
  readonly flops: number;
  readonly bytes: number;
  /** Longest chain of ops of which each needs the one before: what no parallel machine can shorten. */
  readonly steps: number;
  /** Calls that ran the definition of an op on a fast device, for want of a kernel. */
  readonly fallbacks: ReadonlyMap<string, number>;
}

interface Running {
  ops: Map<string, OpCount>;
  steps: number;
}

let running: Running | undefined;
const fallbacks = new Map<string, number>();

export function isCounting(): boolean {
  return running !== undefined;
}

/** Not for users: one call of an op. */
export function countCall(
  name: string,
  flops: number,
  inputs: readonly (Tensor | null)[],
  output: Tensor,
): void {
  if (!running) return;
  let bytes = output.size * bytesOf(output.dtype);
  let depth = 0;
  for (const input of inputs) {
    if (!input) continue;
    bytes += input.size * bytesOf(input.dtype);
    depth = Math.max(depth, input.depth);
  }
  output.depth = depth + 1;
  running.steps = Math.max(running.steps, output.depth);
  const count = running.ops.get(name) ?? { calls: 0, flops: 0, bytes: 0 };
  count.calls++;
  count.flops += flops;
  count.bytes += bytes;
  running.ops.set(name, count);
}

/** Not for users: a kernel was missing and the definition ran instead. */
export function countFallback(name: string): void {
  fallbacks.set(name, (fallbacks.get(name) ?? 0) + 1);
}

/** Calls since the start of the process that ran the slow reference on a fast device, by op. */
export function fallbackCounts(): ReadonlyMap<string, number> {
  return new Map(fallbacks);
}

/**
 * Runs `body` and counts what its ops do.
 *
 * @example
 * const { counts } = countOps(() => model.forward(source, target));
 * counts.flops; // floating-point operations, two per multiply-add
 */
export function countOps<T>(body: () => T): { result: T; counts: Counts } {
  const outer = running;
  const before = new Map(fallbacks);
  const mine: Running = { ops: new Map(), steps: 0 };
  running = mine;
  try {
    const result = body();
    const all = [...mine.ops.values()];
    return {
      result,
      counts: {
        ops: mine.ops,
        flops: all.reduce((total, op) => total + op.flops, 0),
        bytes: all.reduce((total, op) => total + op.bytes, 0),
        steps: mine.steps,
        fallbacks: new Map(
          [...fallbacks]
            .map(([name, n]) => [name, n - (before.get(name) ?? 0)] as const)
            .filter(([, n]) => n > 0),
        ),
      },
    };
  } finally {
    running = outer;
  }
}
