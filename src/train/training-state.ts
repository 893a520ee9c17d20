/** Where training stands: everything besides weights and moments that the next step depends on. */

import type { Measure } from '../nn/auxiliary.ts';

/** Sums since the last line of the metric log. */
export interface LogWindow {
  loss: number;
  gradNorm: number;
  steps: number;
  sourceTokens: number;
  targetTokens: number;
  /** Means that parts of the model measure, by name. */
  measures: Record<string, Measure>;
}

/** A snapshot of the weights, for averaging. */
export interface Snapshot {
  readonly step: number;
  /** Value of the metric that selects; lower is better here, whatever the metric. */
  readonly badness: number;
}

export interface TrainingState {
  step: number;
  epoch: number;
  /** Batches of this epoch that are done. */
  position: number;
  /** Wall-clock time of all sessions of this run together. */
  seconds: number;
  window: LogWindow;
  snapshots: Snapshot[];
  /** Lowest badness so far, and the validations since. */
  best: { badness: number; step: number } | undefined;
  validationsSinceBest: number;
  lastBadness: number | undefined;
  /** Length of `metrics.jsonl`. */
  metricBytes: number;
}

export function freshWindow(): LogWindow {
  return { loss: 0, gradNorm: 0, steps: 0, sourceTokens: 0, targetTokens: 0, measures: {} };
}

export function freshState(): TrainingState {
  return {
    step: 0,
    epoch: 0,
    position: 0,
    seconds: 0,
    window: freshWindow(),
    snapshots: [],
    best: undefined,
    validationsSinceBest: 0,
    lastBadness: undefined,
    metricBytes: 0,
  };
}

/** The state of a checkpoint, also of one that was written before a field came. */
export function restoredState(saved: TrainingState): TrainingState {
  const state = structuredClone(saved);
  return { ...state, window: { ...freshWindow(), ...state.window } };
}
