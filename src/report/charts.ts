/** The section of curves: one figure per metric. */
import { bestPoint, type Chart, type Curve, collectCharts, lastStep } from './curves.ts';
import { formatNumber } from './format.ts';
import { type Html, html } from './html.ts';
import { metricName } from './metric-names.ts';
import { drawPlot } from './plot.ts';
import type { RunData } from './run-data.ts';
import { type LogUse, linearScale, logScale, logUse } from './scale.ts';

/** Rows of training from which on its curve is so ragged that it starts smoothed. */
const SMOOTHED_FROM = 200;

/**
 * Draws every curve of a run, readable as it stands; the page's script adds the crosshair.
 *
 * @param run - the run
 * @returns the section, or `undefined` when there is nothing to draw
 */
export function curvesSection(run: RunData): Html | undefined {
  const charts = collectCharts(run);
  if (charts.length === 0) return undefined;
  const end = lastStep(run);
  return html`<section aria-labelledby="curves"><h2 id="curves">Curves</h2>
${smoothingControl(run)}
<div class="charts">${charts.map((chart) => chartFigure(chart, end))}</div>
</section>`;
}

function smoothingControl(run: RunData): Html {
  const start = run.train.length >= SMOOTHED_FROM ? 0.9 : 0;
  return html`<p class="controls scripted" hidden><label>Smoothing of training <input type="range" id="smoothing" min="0" max="0.99" step="0.01" value="${start}"></label> <output id="smoothing-value" for="smoothing"></output>
<span class="hint">Point at a chart, or focus it and use the arrow keys, to read exact values.</span></p>`;
}

function chartFigure({ metric, curves }: Chart, end: number): Html {
  const { label, unit } = metricName(metric);
  const wide = metric === 'loss';
  const use = logUseOf(metric, curves);
  return html`<figure class="chart${wide ? ' wide' : ''}" data-metric="${metric}">
<figcaption><h3>${label}${unit && html` <small>${unit}</small>`}</h3>
${use !== 'impossible' && html`<button type="button" class="scripted log" hidden aria-pressed="${String(use === 'useful')}">log scale</button>`}
<ul class="legend">${curves.map(legendItem)}</ul></figcaption>
${plots(curves, use, label, end)}
</figure>`;
}

function valuesOf(curves: readonly Curve[]): number[] {
  return curves.flatMap(({ points }) => points.flatMap(({ value }) => value ?? []));
}

// A schedule rises from nearly zero by design: its shape is what a reader looks for, not its decades.
function logUseOf(metric: string, curves: readonly Curve[]): LogUse {
  const use = logUse(valuesOf(curves));
  return metric === 'learningRate' && use === 'useful' ? 'possible' : use;
}

function plots(curves: readonly Curve[], use: LogUse, label: string, end: number): Html[] {
  const values = valuesOf(curves);
  const words = `${label} against the step: ${curves.map(journey).join('; ')}`;
  const linear = drawPlot(curves, linearScale(values), end, words, use === 'useful');
  if (use === 'impossible') return [linear];
  return [linear, drawPlot(curves, logScale(values), end, `${words} (log scale)`, use !== 'useful')];
}

/** A curve in words, for those who do not see it. */
function journey(curve: Curve): string {
  const values = valuesOf([curve]);
  return `${curve.label} from ${formatNumber(values[0]!)} to ${formatNumber(values.at(-1)!)}`;
}

function legendItem(curve: Curve): Html {
  const last = formatNumber(valuesOf([curve]).at(-1)!);
  const best = curve.table === 'validation' ? bestPoint(curve) : undefined;
  const bestText =
    best &&
    ` · ${metricName(curve.column).better === 'lower' ? 'lowest' : 'highest'} ${formatNumber(best.value)}`;
  return html`<li class="${curve.look}" data-table="${curve.table}" data-column="${curve.column}">${curve.label} <output>last ${last}${bestText}</output></li>`;
}
