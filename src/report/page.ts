/** The whole page: one file of HTML that needs nothing else. */
import { createHash } from 'node:crypto';
import { curvesSection } from './charts.ts';
import { headline, pageTitle } from './headline.ts';
import { embedJson, type Html, html, trusted } from './html.ts';
import { namedTables, numbersSection } from './numbers.ts';
import { resultSection } from './result.ts';
import type { RunData } from './run-data.ts';
import { samplesSection } from './samples.ts';
import { SCRIPT } from './script.ts';
import { setupSection } from './setup.ts';
import { STYLE } from './style.ts';

/**
 * Renders a training run as one self-contained HTML page: figures, result beside published numbers,
 * curves, samples with their alignments, configuration, and every number as text. It loads nothing,
 * works without JavaScript, and runs no script but its own: the content policy names that one's hash.
 *
 * @param run - what `readRun` gives
 * @returns the page
 * @example
 * ```ts
 * import { readRun, renderReport } from './report/index.ts';
 *
 * const page = renderReport(await readRun('runs/first'));
 * ```
 */
export function renderReport(run: RunData): string {
  const page = html`<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy()}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<link rel="icon" href="data:,">
<title>${pageTitle(run)}</title>
<style>${trusted(STYLE)}</style></head>
<body><main>
${headline(run)}
${resultSection(run)}
${curvesSection(run)}
${samplesSection(run.samples)}
${setupSection(run.experiment)}
${numbersSection(run)}
<footer>Written by heed. Numbers are the run’s own, to the last digit; charts draw the lowest and highest value of each column of the picture.</footer>
</main>
<script type="application/json" id="run-data">${embedData(run)}</script>
<script>${trusted(SCRIPT)}</script>
</body></html>
`;
  return page.markup;
}

function policy(): string {
  const hash = createHash('sha256').update(SCRIPT).digest('base64');
  return `default-src 'none'; style-src 'unsafe-inline'; img-src data:; script-src 'sha256-${hash}'`;
}

function embedData(run: RunData): Html {
  const tables = namedTables(run).map(([name, table]) => [name, Object.fromEntries(table.columns)] as const);
  const heads = run.samples.map(({ attention }) => attention?.heads ?? null);
  return embedJson({ tables: Object.fromEntries(tables), heads });
}
