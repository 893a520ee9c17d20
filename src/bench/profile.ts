/** Where the time of a piece of work goes, op by op, and how far each is from what the machine can do. */
import type { Device, KernelCall } from '../core/device.ts';
import { observeOps } from '../core/observer.ts';
import { arithmeticOf, type Ceilings, floorOf } from './ceilings.ts';
import { costOf, shapeOf } from './kernel-costs.ts';
import { median } from './shapes.ts';

/** One op of the tape, forward or backward; matrix products by their shapes. */
export interface OpProfile {
  readonly op: string;
  /** Launches in one run. */
  readonly calls: number;
  /** In kernels, one run. */
  readonly milliseconds: number;
  /** The rate against the bound that is nearer, in `GFLOP/s` or `GB/s`. */
  readonly rate?: number;
  readonly unit?: 'GFLOP/s' | 'GB/s';
  /** Measured time over the least that the ceilings allow. */
  readonly overFloor?: number;
}

/** What a profile says of a piece of work. */
export interface Profile {
  /** By the time they take. */
  readonly ops: readonly OpProfile[];
  /** JavaScript inside ops and outside kernels, by op, milliseconds of one run. */
  readonly scripts: readonly { readonly op: string; readonly milliseconds: number }[];
  /** All JavaScript outside kernels. */
  readonly scriptMilliseconds: number;
  /** The whole run. */
  readonly milliseconds: number;
}

interface Entry {
  calls: number;
  milliseconds: number;
  flops: number;
  bytes: number;
  /** Milliseconds that the ceilings allow. */
  floor: number;
  /** Of the floor, what arithmetic alone would take. */
  arithmetic: number;
}

interface Run {
  readonly ops: Map<string, Entry>;
  readonly scripts: Map<string, number>;
  kernels: number;
  milliseconds: number;
}

/** Measures every launch and every op of one run of `body`. */
function runOnce(device: Device, ceilings: Ceilings | undefined, body: () => void): Run {
  const run: Run = { ops: new Map(), scripts: new Map(), kernels: 0, milliseconds: 0 };
  let outermost: string | undefined;
  let depth = 0;
  let entered = { at: 0, kernels: 0 };
  const { launch } = device;
  device.launch = (call: KernelCall) => {
    const start = performance.now();
    launch(call);
    const took = performance.now() - start;
    run.kernels += took;
    add(run.ops, `${outermost ?? call.name}${shapeOf(call)}`, call, took, ceilings);
  };
  const watcher = {
    enter: (op: string) => {
      if (depth++ > 0) return;
      outermost = op;
      entered = { at: performance.now(), kernels: run.kernels };
    },
    leave: () => {
      if (--depth > 0) return;
      const script = performance.now() - entered.at - (run.kernels - entered.kernels);
      run.scripts.set(outermost!, (run.scripts.get(outermost!) ?? 0) + script);
      outermost = undefined;
    },
  };
  const start = performance.now();
  try {
    observeOps(watcher, body);
  } finally {
    device.launch = launch;
  }
  run.milliseconds = performance.now() - start;
  return run;
}

function add(
  ops: Map<string, Entry>,
  op: string,
  call: KernelCall,
  milliseconds: number,
  ceilings: Ceilings | undefined,
): void {
  const entry = ops.get(op) ?? { calls: 0, milliseconds: 0, flops: 0, bytes: 0, floor: 0, arithmetic: 0 };
  const cost = costOf(call);
  entry.calls++;
  entry.milliseconds += milliseconds;
  entry.flops += cost.flops;
  entry.bytes += cost.bytes;
  entry.floor += ceilings ? floorOf(ceilings, cost) : 0;
  entry.arithmetic += ceilings ? arithmeticOf(ceilings, cost) : 0;
  ops.set(op, entry);
}

/** An op over all runs: the time is the median. */
function summary(op: string, entries: readonly Entry[], hasCeilings: boolean): OpProfile {
  const [{ calls, flops, bytes, floor, arithmetic }] = entries as [Entry];
  const milliseconds = median(entries.map((entry) => entry.milliseconds));
  if (!hasCeilings) return { op, calls, milliseconds };
  const bound = arithmetic > floor / 2 ? 'GFLOP/s' : 'GB/s';
  const rate = (bound === 'GFLOP/s' ? flops : bytes) / milliseconds / 1e6;
  return { op, calls, milliseconds, rate, unit: bound, overFloor: milliseconds / floor };
}

function descending<T extends { readonly milliseconds: number }>(rows: readonly T[]): T[] {
  return [...rows].sort((a, b) => b.milliseconds - a.milliseconds);
}

/**
 * Runs `body` several times and measures every op and every kernel.
 *
 * @param body - the same work every time
 * @param ceilings - without them there are no rates and no floors
 * @returns times of one run, medians over the runs
 */
export function profile(
  device: Device,
  ceilings: Ceilings | undefined,
  runs: number,
  body: () => void,
): Profile {
  const done = Array.from({ length: runs }, () => runOnce(device, ceilings, body));
  const [first] = done as [Run];
  const ops = [...first.ops.keys()].map((op) =>
    summary(
      op,
      done.flatMap((run) => run.ops.get(op) ?? []),
      ceilings !== undefined,
    ),
  );
  const scripts = [...first.scripts.keys()].map((op) => ({
    op,
    milliseconds: median(done.map((run) => run.scripts.get(op) ?? 0)),
  }));
  return {
    ops: descending(ops),
    scripts: descending(scripts),
    scriptMilliseconds: median(done.map((run) => run.milliseconds - run.kernels)),
    milliseconds: median(done.map((run) => run.milliseconds)),
  };
}
