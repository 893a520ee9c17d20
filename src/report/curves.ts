/** Which curves a run has, and which of them share a chart. */
import type { Point } from './downsample.ts';
import { metricName, taskFirst } from './metric-names.ts';
import type { RunData, Table } from './run-data.ts';

/** Tables whose columns are drawn against the step. */
export type CurveTable = 'train' | 'validation' | 'timing';

/** How a curve looks: ink for training, accent for validation, faint for a second training curve. */
export type CurveLook = 'ink' | 'accent' | 'faint';

/** One curve. */
export interface Curve {
  readonly table: CurveTable;
  readonly column: string;
  readonly label: string;
  readonly look: CurveLook;
  /** Ordered by step; at least one of them has a value. */
  readonly points: readonly Point[];
}

/** Curves that share their axes. */
export interface Chart {
  /** Name of the metric that it shows. */
  readonly metric: string;
  readonly curves: readonly Curve[];
}

/** Counters and clocks, which say nothing as a curve. */
const NOT_DRAWN: ReadonlySet<string> = new Set(['step', 'epoch', 'seconds', 'sourceTokens', 'targetTokens']);

const LOOKS: Readonly<Record<CurveTable, CurveLook>> = { train: 'ink', validation: 'accent', timing: 'ink' };

/**
 * The charts of a run: loss first, then the task's metrics, then what else training and the clock recorded.
 *
 * @param run - the run
 * @returns one chart per metric that has a value anywhere
 */
export function collectCharts(run: RunData): Chart[] {
  const ofValidation = taskFirst([...run.validation.columns]).map(([name]) => name);
  const names = ['loss', ...ofValidation, ...run.train.columns.keys(), ...run.timing.columns.keys()];
  // Cross-entropy without smoothing belongs beside the loss, unless validation has one to compare with.
  const nllWithLoss = !run.validation.columns.has('nll');
  return [...new Set(names)]
    .filter((name) => !NOT_DRAWN.has(name) && !(nllWithLoss && name === 'nll'))
    .map((metric) => ({ metric, curves: curvesOf(run, metric, nllWithLoss) }))
    .filter(({ curves }) => curves.length > 0);
}

function curvesOf(run: RunData, metric: string, nllWithLoss: boolean): Curve[] {
  const tables: readonly CurveTable[] = ['train', 'validation', 'timing'];
  const curves = tables.map((table) => curve(run, table, metric, table, LOOKS[table]));
  if (metric === 'loss' && nllWithLoss) {
    curves.splice(1, 0, curve(run, 'train', 'nll', `train ${metricName('nll').label}`, 'faint'));
  }
  return curves.filter(({ points }) => points.some(({ value }) => value !== null));
}

function curve(run: RunData, table: CurveTable, column: string, label: string, look: CurveLook): Curve {
  return { table, column, label, look, points: pointsOf(run[table], column) };
}

function pointsOf(table: Table, column: string): Point[] {
  const steps = table.columns.get('step') ?? [];
  const values = table.columns.get(column) ?? [];
  return values.map((value, i) => ({ step: steps[i]!, value })).sort((a, b) => a.step - b.step);
}

/** The last step that any table knows, at least 1: where every horizontal axis ends. */
export function lastStep(run: RunData): number {
  let last = 1;
  for (const table of [run.train, run.validation, run.timing]) {
    for (const step of table.columns.get('step') ?? []) last = Math.max(last, step ?? 0);
  }
  return last;
}

/** The best value of a curve and its step, where it is known which direction is better. */
export function bestPoint(curve: Curve): { readonly step: number; readonly value: number } | undefined {
  const { better } = metricName(curve.column);
  if (better === undefined) return undefined;
  let best: { step: number; value: number } | undefined;
  for (const { step, value } of curve.points) {
    if (value === null) continue;
    if (!best || (better === 'lower' ? value < best.value : value > best.value)) best = { step, value };
  }
  return best;
}
