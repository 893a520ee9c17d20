/** The head of the page: the run's name, its figures, and one sentence on what it was. */
import { formatCount, formatDate, formatDuration, formatNumber, groupDigits } from './format.ts';
import { type Html, html } from './html.ts';
import { metricName, taskFirst } from './metric-names.ts';
import type { RunData, Table } from './run-data.ts';

/** Figures in the head at most. */
export const MOST_FIGURES = 4;

/** The run's final metrics, and on what they were measured. */
export interface Outcome {
  readonly metrics: readonly (readonly [string, number])[];
  readonly measuredOn: string;
}

/**
 * The metrics that stand for the run: of `result.json`, else of the test set, else of the last
 * validation, else of the last training step.
 *
 * @returns task metrics first; `undefined` for a run without a single row
 */
export function outcomeOf(run: RunData): Outcome | undefined {
  const ofResult = Object.entries(run.result?.metrics ?? {});
  if (ofResult.length > 0) return { metrics: taskFirst(ofResult), measuredOn: 'final result' };
  if (run.test.length > 0) return { metrics: lastRow(run.test), measuredOn: 'test set' };
  if (run.validation.length > 0)
    return { metrics: lastRow(run.validation), measuredOn: atStep(run.validation, 'validation') };
  if (run.train.length === 0) return undefined;
  const loss = lastRow(run.train).filter(([name]) => name === 'loss');
  return { metrics: loss, measuredOn: atStep(run.train, 'training') };
}

function lastRow(table: Table): (readonly [string, number])[] {
  const named = [...table.columns].map(([name, values]) => [name, values.at(-1) ?? null] as const);
  const metrics = named.filter((entry): entry is [string, number] => entry[1] !== null);
  return taskFirst(metrics.filter(([name]) => name !== 'step' && name !== 'epoch'));
}

function atStep(table: Table, what: string): string {
  return `${what} at step ${groupDigits(table.columns.get('step')!.at(-1)!)}`;
}

/** A metric's value with its unit: `8.4 %`. */
export function withUnit(name: string, value: number): string {
  const { unit } = metricName(name);
  return unit === '' ? formatNumber(value) : `${formatNumber(value)} ${unit}`;
}

/** The title of the browser's tab: `PER 8.4 % · WER 33.1 % – name`. */
export function pageTitle(run: RunData): string {
  const figures = (outcomeOf(run)?.metrics ?? []).slice(0, 2);
  const text = figures.map(([name, value]) => `${metricName(name).label} ${withUnit(name, value)}`);
  return [...(text.length > 0 ? [text.join(' · ')] : []), run.name].join(' – ');
}

/** The head of the page. */
export function headline(run: RunData): Html {
  const outcome = outcomeOf(run);
  const startedAt = run.experiment?.startedAt;
  return html`<header class="head"><p class="eyebrow">Training run${startedAt !== undefined && html` · <time datetime="${startedAt}">${formatDate(startedAt)}</time>`}</p>
<h1>${run.name}</h1>
${outcome ? figures(outcome) : html`<p>No row has been written yet.</p>`}
<p class="lede">${sentence(run)}</p>
<button type="button" class="scripted" id="theme" hidden>Light or dark</button></header>`;
}

function figures({ metrics, measuredOn }: Outcome): Html {
  const items = metrics.slice(0, MOST_FIGURES).map(([name, value]) => {
    const { label, unit } = metricName(name);
    return html`<div><dt>${label}</dt><dd><data value="${value}">${formatNumber(value)}</data>${unit && html`<small> ${unit}</small>`}</dd></div>`;
  });
  return html`<dl class="figures">${items}</dl><p class="measured">${measuredOn}</p>`;
}

function sentence(run: RunData): string {
  const { experiment, result } = run;
  const parameters = experiment?.parameters && `${formatCount(experiment.parameters.total)} parameters`;
  const lastStep = run.train.columns.get('step')?.at(-1);
  const steps =
    typeof lastStep === 'number' && `${groupDigits(lastStep)} ${lastStep === 1 ? 'step' : 'steps'}`;
  const seconds = result?.seconds ?? run.timing.columns.get('seconds')?.at(-1);
  const time = typeof seconds === 'number' && formatDuration(seconds);
  const device = experiment?.device && `device ${experiment.device}`;
  const threads =
    experiment?.threads !== undefined &&
    `${experiment.threads} ${experiment.threads === 1 ? 'thread' : 'threads'}`;
  const parts = [parameters, steps, time, device, threads, !result && 'no final result yet'];
  return parts.filter(Boolean).join(' · ');
}
