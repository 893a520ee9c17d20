/** The plot of `heed bench scaling`: tokens per second against each size, logarithmic, as a picture of its own. */
import { formatTick } from '../report/format.ts';
import { type Html, html } from '../report/html.ts';
import { logScale, positionOf, type Scale } from '../report/scale.ts';
import type { ScalingPoint, ScalingSize } from './scaling.ts';

const PANEL = { width: 260, height: 220, left: 58, top: 34, gap: 30 } as const;
const FOOT = 46;

/** A point off its trend by more than this is marked. */
const CLIFF = 1.5;

const fixed = (value: number): number => Number(value.toFixed(1));

function panel(
  sweep: keyof ScalingSize,
  points: readonly ScalingPoint[],
  vertical: Scale,
  left: number,
): Html {
  const horizontal = logScale(points.map((point) => point[sweep]));
  const x = (value: number): number => fixed(left + positionOf(horizontal, value) * PANEL.width);
  const y = (value: number): number => fixed(PANEL.top + (1 - positionOf(vertical, value)) * PANEL.height);
  const bottom = PANEL.top + PANEL.height;
  const line = points.map(
    (point, i) => `${i === 0 ? 'M' : 'L'}${x(point[sweep])} ${y(point.tokensPerSecond)}`,
  );
  const grid = vertical.ticks.map((tick) => `M${left} ${y(tick)}h${PANEL.width}`);
  const dot = (point: ScalingPoint): Html => {
    const isCliff = point.overTrend !== undefined && point.overTrend > CLIFF;
    const title = `${sweep} ${point[sweep]}: ${Math.round(point.tokensPerSecond)} tokens/s, ${point.gflops.toFixed(1)} GFLOP/s`;
    return html`<circle class="${isCliff ? 'cliff' : 'dot'}" cx="${x(point[sweep])}" cy="${y(point.tokensPerSecond)}" r="3"><title>${title}</title></circle>`;
  };
  return html`<g><path class="grid" d="${grid.join('')}"/>
<path class="curve" d="${line.join('')}"/>
${points.map(dot)}
${horizontal.ticks.map((tick) => html`<text class="x" x="${x(tick)}" y="${bottom + 16}">${formatTick(tick, tick)}</text>`)}
<text class="x name" x="${left + PANEL.width / 2}" y="${bottom + 36}">${sweep}</text></g>
`;
}

/** @returns an SVG document */
export function scalingPlot(points: readonly ScalingPoint[]): string {
  const vertical = logScale(points.map(({ tokensPerSecond }) => tokensPerSecond));
  const names = [...new Set(points.map(({ sweep }) => sweep))];
  const leftOf = (i: number): number => PANEL.left + i * (PANEL.width + PANEL.gap);
  const width = leftOf(names.length);
  const height = PANEL.top + PANEL.height + FOOT;
  const y = (tick: number): number => PANEL.top + (1 - positionOf(vertical, tick)) * PANEL.height + 4;
  const largest = Math.max(...vertical.ticks);
  return html`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="Tokens per second of one layer, forward and backward">
<style>text { font: 11px system-ui, sans-serif; fill: #66615a } .x { text-anchor: middle } .y { text-anchor: end } .name { fill: #23211e } .grid { stroke: #e4e0d7 } .curve { fill: none; stroke: #23211e; stroke-width: 1.5 } .dot { fill: #23211e } .cliff { fill: #a83a17 }</style>
<rect width="100%" height="100%" fill="#fcfbf8"/>
<text class="name" x="${PANEL.left}" y="20">tokens/s of one layer, forward and backward</text>
${vertical.ticks.map((tick) => html`<text class="y" x="${PANEL.left - 6}" y="${fixed(y(tick))}">${formatTick(tick, largest)}</text>`)}
${names.map((name, i) =>
  panel(
    name,
    points.filter(({ sweep }) => sweep === name),
    vertical,
    leftOf(i),
  ),
)}</svg>
`.markup;
}
