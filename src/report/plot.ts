/** One plot: curves as SVG paths that stretch with the page, tick labels as text that does not. */
import { bestPoint, type Curve } from './curves.ts';
import { type DrawnPoint, downsample } from './downsample.ts';
import { formatTick } from './format.ts';
import { type Html, html } from './html.ts';
import { linearTicks, positionOf, type Scale } from './scale.ts';

/** Width and height of the drawing in its own units; CSS gives it its size. */
const PLOT_WIDTH = 600;
const PLOT_HEIGHT = 240;

/** Up to here every point of a curve gets a dot. */
const MOST_DOTS = 30;

const X_TICKS = 5;

/**
 * Draws curves over the steps from 0 to `lastStep`.
 *
 * @param curves - the curves; all their values fit the scale
 * @param scale - the vertical axis
 * @param lastStep - right end of the horizontal axis
 * @param label - what the picture shows, in words
 * @param hidden - whether another plot of the same curves is shown instead
 */
export function drawPlot(
  curves: readonly Curve[],
  scale: Scale,
  lastStep: number,
  label: string,
  hidden: boolean,
): Html {
  const steps = horizontalScale(lastStep);
  return html`<div class="plot"${hidden && html` hidden`} data-scale="${scale.kind}" data-x0="${steps.low}" data-x1="${steps.high}" data-y0="${scale.low}" data-y1="${scale.high}">
<svg viewBox="0 0 ${PLOT_WIDTH} ${PLOT_HEIGHT}" preserveAspectRatio="none" role="img" aria-label="${label}">
${gridLines(scale)}
${curves.map((curve) => drawCurve(curve, steps, scale))}
</svg>
${yLabels(scale)}${xLabels(steps)}
</div>
`;
}

function horizontalScale(lastStep: number): Scale {
  const ticks = linearTicks(0, lastStep, X_TICKS).filter(Number.isInteger);
  return { kind: 'linear', low: 0, high: lastStep, ticks };
}

function gridLines(scale: Scale): Html {
  const lines = scale.ticks.map((tick) => `M0 ${yOf(scale, tick)}H${PLOT_WIDTH}`);
  return html`<path class="grid" d="${lines.join('')}"/>`;
}

function yLabels(scale: Scale): Html[] {
  const largest = Math.max(...scale.ticks.map(Math.abs));
  return scale.ticks.map((tick) => {
    const top = percent(1 - positionOf(scale, tick));
    return html`<span class="tick y" style="top:${top}">${formatTick(tick, largest)}</span>`;
  });
}

function xLabels(steps: Scale): Html[] {
  const largest = steps.ticks.at(-1)!;
  return steps.ticks.map((tick, i) => {
    const text = formatTick(tick, largest);
    const left = percent(positionOf(steps, tick));
    return html`<span class="tick x" style="left:${left}">${i === 0 ? `step ${text}` : text}</span>`;
  });
}

function percent(position: number): string {
  return `${Number((position * 100).toFixed(2))}%`;
}

function drawCurve(curve: Curve, steps: Scale, scale: Scale): Html {
  const points = downsample(curve.points);
  const at = ({ step, value }: { readonly step: number; readonly value: number }) =>
    `${fixed(positionOf(steps, step) * PLOT_WIDTH)} ${yOf(scale, value)}`;
  const best = curve.table === 'validation' ? bestPoint(curve) : undefined;
  return html`<path class="curve ${curve.look}" data-table="${curve.table}" data-column="${curve.column}" d="${linePath(points, at)}"/>
${
  points.length <= MOST_DOTS &&
  html`<path class="dots ${curve.look}" d="${points.map((point) => `M${at(point)}h0`).join('')}"/>`
}
${best && html`<path class="dots best" d="M${at(best)}h0"/>`}`;
}

// `h0` ends a piece of one point, which would leave no mark otherwise: round caps make it a dot.
function linePath(points: readonly DrawnPoint[], at: (point: DrawnPoint) => string): string {
  return points
    .map((point, i) => {
      const starts = i === 0 || point.afterGap;
      const alone = starts && (points[i + 1]?.afterGap ?? true);
      return `${starts ? 'M' : 'L'}${at(point)}${alone ? 'h0' : ''}`;
    })
    .join('');
}

function yOf(scale: Scale, value: number): number {
  return fixed((1 - positionOf(scale, value)) * PLOT_HEIGHT);
}

function fixed(value: number): number {
  return Number(value.toFixed(1));
}
