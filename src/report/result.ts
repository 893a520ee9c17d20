/** The section that sets the run's result beside published numbers. */
import { formatNumber } from './format.ts';
import { MOST_FIGURES, outcomeOf, withUnit } from './headline.ts';
import { type Html, html } from './html.ts';
import { metricName } from './metric-names.ts';
import type { PublishedNumber, RunData } from './run-data.ts';

type Metric = readonly [string, number];

/**
 * The metric that a published number is about: the one whose key or label stands in its name as a word.
 *
 * @param published - a number from the literature
 * @param metrics - the run's metrics
 */
export function metricOf(published: PublishedNumber, metrics: readonly Metric[]): Metric | undefined {
  const words = published.name.split(/[^\p{L}\p{N}_]+/u);
  const label = ([key]: Metric) => metricName(key).label;
  return (
    metrics.find(([key]) => published.name === key) ??
    metrics.find((metric) => words.includes(label(metric))) ??
    metrics.find(([key]) => words.includes(key))
  );
}

/** The run's metrics, each beside the published numbers about it. */
export function resultSection(run: RunData): Html | undefined {
  const outcome = outcomeOf(run);
  const published = run.result?.published ?? [];
  // Without published numbers the head of the page has said it all, unless it had no room.
  if (!outcome || (published.length === 0 && outcome.metrics.length <= MOST_FIGURES)) return undefined;
  const { metrics } = outcome;
  const headings = [
    'Metric',
    'This run',
    ...(published.length > 0 ? ['Published', 'Difference', 'Source'] : []),
  ];
  const rows = metrics.flatMap((metric) => {
    const about = published.filter((number) => metricOf(number, metrics)?.[0] === metric[0]);
    return about.length > 0
      ? about.map((number) => comparedRow(metric, number))
      : [ownRow(metric, headings.length - 2)];
  });
  const unmatched = published.filter((number) => !metricOf(number, metrics)).map(otherRow);
  return html`<section aria-labelledby="result"><h2 id="result">Result</h2>
<div class="scroll" tabindex="0" role="region" aria-label="Result"><table class="plain"><thead><tr>${headings.map((heading) => html`<th scope="col">${heading}</th>`)}</tr></thead>
<tbody>${rows}${unmatched}</tbody></table></div></section>`;
}

function ownRow([name, value]: Metric, empty: number): Html {
  return html`<tr><th scope="row">${metricName(name).label}</th><td class="own">${withUnit(name, value)}</td>${empty > 0 && html`<td colspan="${empty}"></td>`}</tr>\n`;
}

function comparedRow([name, value]: Metric, published: PublishedNumber): Html {
  const { label } = metricName(name);
  const source = [
    published.name === name || published.name === label ? '' : published.name,
    published.note ?? '',
  ];
  return html`<tr><th scope="row">${label}</th><td class="own">${withUnit(name, value)}</td><td>${withUnit(name, published.value)}</td><td>${difference(name, value - published.value)}</td><td class="note">${source.filter(Boolean).join(', ')}</td></tr>\n`;
}

function otherRow({ name, value, note }: PublishedNumber): Html {
  return html`<tr><th scope="row">${name}</th><td></td><td>${formatNumber(value)}</td><td></td><td class="note">${note}</td></tr>\n`;
}

function difference(name: string, by: number): string {
  const rounded = Number(by.toPrecision(3));
  if (rounded === 0) return 'equal';
  const signed = `${rounded > 0 ? '+' : '−'}${formatNumber(Math.abs(rounded))}`;
  const { better } = metricName(name);
  if (better === undefined) return signed;
  return `${signed}, ${rounded < 0 === (better === 'lower') ? 'better' : 'worse'}`;
}
