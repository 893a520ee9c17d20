/** The section of numbers: every row of every curve as text. */
import { groupDigits } from './format.ts';
import { type Html, html } from './html.ts';
import type { RunData, Table } from './run-data.ts';

/** Tables with rows, by name, in the order of the page. */
export function namedTables(run: RunData): (readonly [string, Table])[] {
  const all = [
    ['train', run.train],
    ['validation', run.validation],
    ['test', run.test],
    ['timing', run.timing],
  ] as const;
  return all.filter(([, table]) => table.length > 0);
}

/** Every row as it was written, to the last digit, folded up. */
export function numbersSection(run: RunData): Html | undefined {
  const tables = namedTables(run);
  if (tables.length === 0) return undefined;
  return html`<section aria-labelledby="numbers"><h2 id="numbers">Numbers</h2>
${tables.map(([name, table]) => numbersTable(name, table))}
</section>`;
}

// Rows and cells are closed by the next one, as HTML allows: half the bytes of a long table.
function numbersTable(name: string, table: Table): Html {
  const columns = [...table.columns];
  const rows = Array.from(
    { length: table.length },
    (_, i) => html`<tr>${columns.map(([, values]) => html`<td>${values[i] ?? ''}`)}\n`,
  );
  return html`<details><summary>${name}: ${groupDigits(table.length)} ${table.length === 1 ? 'row' : 'rows'}</summary>
<div class="scroll tall" tabindex="0" role="region" aria-label="Numbers of ${name}"><table class="numbers" data-table="${name}"><thead><tr>${columns.map(([column]) => html`<th scope="col">${column}`)}</thead><tbody>
${rows}</tbody></table></div></details>`;
}
