/**
 * What modules contribute to a training step besides their output: further losses, and counts for the log.
 *
 * Only a training objective collects; elsewhere contributing costs one comparison.
 */
import type { Tensor } from '../core/tensor.ts';

/** A mean over a step: `total / count`. */
export interface Measure {
  readonly total: number;
  readonly count: number;
}

/** What was contributed while a body ran. */
export interface Auxiliary {
  /** Scalars that join the mean loss, weighted already. */
  readonly losses: readonly Tensor[];
  /** By name. */
  readonly measures: Readonly<Record<string, Measure>>;
}

interface Collector {
  readonly losses: Tensor[];
  readonly measures: Record<string, Measure>;
}

let current: Collector | undefined;

/** Whether somebody collects. */
export function isCollecting(): boolean {
  return current !== undefined;
}

/** Adds a scalar to the loss of this step. */
export function contributeLoss(loss: Tensor): void {
  current?.losses.push(loss);
}

/** Adds to a mean that the training log shows under `name`. */
export function contributeMeasure(name: string, measure: Measure): void {
  if (current) addMeasure(current.measures, name, measure);
}

/** Adds to one of several means. */
export function addMeasure(to: Record<string, Measure>, name: string, { total, count }: Measure): void {
  const before = to[name] ?? { total: 0, count: 0 };
  to[name] = { total: before.total + total, count: before.count + count };
}

/** Runs `body` and returns what its modules contributed. */
export function collectAuxiliary<T>(body: () => T): { readonly result: T; readonly auxiliary: Auxiliary } {
  const before = current;
  const mine: Collector = { losses: [], measures: {} };
  current = mine;
  try {
    return { result: body(), auxiliary: mine };
  } finally {
    current = before;
  }
}
