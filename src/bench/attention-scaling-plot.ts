/** The plot of `heed bench attention-scaling`: operations, memory and time against the length, all logarithmic. */
import { formatTick } from '../report/format.ts';
import { type Html, html } from '../report/html.ts';
import { logScale, positionOf, type Scale } from '../report/scale.ts';
import type { AttentionPoint } from './attention-scaling.ts';

const PANEL = { width: 250, height: 240, left: 62, top: 34, gap: 72 } as const;
const LEGEND = 150;
const FOOT = 46;
const COLORS = [
  ...['#23211e', '#8d877e', '#0b6fb8', '#2a9d57', '#c77700'],
  ...['#a83a17', '#7a3db8', '#008080', '#a0527a'],
];

const quantities = [
  { name: 'counted GFLOP', of: 'flops', unit: 1e9 },
  { name: 'MiB in tensors', of: 'memory', unit: 2 ** 20 },
  { name: 'milliseconds', of: 'milliseconds', unit: 1 },
] as const;

const fixed = (value: number): number => Number(value.toFixed(1));

interface Panel {
  readonly points: readonly AttentionPoint[];
  readonly kinds: readonly string[];
  readonly horizontal: Scale;
  readonly left: number;
}

function panel(
  { name, of, unit }: (typeof quantities)[number],
  { points, kinds, horizontal, left }: Panel,
): Html {
  const vertical = logScale(points.map((point) => point[of] / unit));
  const x = (value: number): number => fixed(left + positionOf(horizontal, value) * PANEL.width);
  const y = (value: number): number => fixed(PANEL.top + (1 - positionOf(vertical, value)) * PANEL.height);
  const bottom = PANEL.top + PANEL.height;
  const largest = vertical.ticks.at(-1)!;
  const curve = (kind: string, i: number): Html => {
    const own = points.filter((point) => point.kind === kind);
    const line = own
      .map((point, n) => `${n === 0 ? 'M' : 'L'}${x(point.length)} ${y(point[of] / unit)}`)
      .join('');
    return html`<path class="curve" stroke="${COLORS[i % COLORS.length]!}" d="${line}"><title>${kind}</title></path>`;
  };
  return html`<g><path class="grid" d="${vertical.ticks.map((tick) => `M${left} ${y(tick)}h${PANEL.width}`).join('')}"/>
${vertical.ticks.map((tick) => html`<text class="y" x="${left - 6}" y="${fixed(y(tick) + 4)}">${formatTick(tick, largest)}</text>`)}
${kinds.map(curve)}
${horizontal.ticks.map((tick) => html`<text class="x" x="${x(tick)}" y="${bottom + 16}">${formatTick(tick, tick)}</text>`)}
<text class="x name" x="${left + PANEL.width / 2}" y="${bottom + 36}">tokens</text>
<text class="name" x="${left}" y="${PANEL.top - 12}">${name}</text></g>
`;
}

/** @returns an SVG document */
export function attentionScalingPlot(points: readonly AttentionPoint[]): string {
  const kinds = [...new Set(points.map(({ kind }) => kind))];
  const horizontal = logScale(points.map(({ length }) => length));
  const leftOf = (i: number): number => PANEL.left + i * (PANEL.width + PANEL.gap);
  const width = leftOf(quantities.length) + LEGEND - PANEL.gap;
  const height = PANEL.top + PANEL.height + FOOT;
  const legendAt = leftOf(quantities.length) - PANEL.gap + 16;
  return html`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="What kinds of attention cost as sequences grow">
<style>text { font: 11px system-ui, sans-serif; fill: #66615a } .x { text-anchor: middle } .y { text-anchor: end } .name { fill: #23211e } .grid { stroke: #e4e0d7 } .curve { fill: none; stroke-width: 1.5 }</style>
<rect width="100%" height="100%" fill="#fcfbf8"/>
${quantities.map((quantity, i) => panel(quantity, { points, kinds, horizontal, left: leftOf(i) }))}
${kinds.map(
  (kind, i) =>
    html`<text x="${legendAt}" y="${PANEL.top + 14 + 18 * i}" style="fill:${COLORS[i % COLORS.length]!}">${kind}</text>`,
)}</svg>
`.markup;
}
