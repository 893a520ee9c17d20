/** The section of decoded samples. */
import { formatNumber } from './format.ts';
import { heatMap } from './heatmap.ts';
import { type Html, html } from './html.ts';
import type { Sample } from './run-data.ts';
import { type DiffToken, diffTokens } from './token-diff.ts';

/** Samples that are seen at once; the others wait behind one line. */
const SHOWN = 12;

/** Samples whose alignment is open from the start. */
const OPEN_ALIGNMENTS = 2;

/**
 * Shows source, hypothesis and nearest reference of each sample with the differing tokens marked, and
 * its alignment.
 *
 * @returns the section, or `undefined` when there are no samples
 */
export function samplesSection(samples: readonly Sample[]): Html | undefined {
  if (samples.length === 0) return undefined;
  const right = samples.filter(({ correct }) => correct).length;
  const cards = samples.map(sampleCard);
  const rest = cards.slice(SHOWN);
  return html`<section aria-labelledby="samples"><h2 id="samples">Samples</h2>
<p>${right} of ${samples.length} correct. Tokens that differ from the nearest reference are <mark>marked</mark>.</p>
<p class="controls scripted" hidden role="group" aria-label="Samples shown"><button type="button" data-filter="all" aria-pressed="true">All ${samples.length}</button><button type="button" data-filter="wrong" aria-pressed="false">Wrong only ${samples.length - right}</button></p>
${cards.slice(0, SHOWN)}
${rest.length > 0 && html`<details class="more"><summary>${rest.length} more samples</summary>${rest}</details>`}
</section>`;
}

function sampleCard(sample: Sample, index: number): Html {
  const diff = diffTokens(sample.hypothesis, sample.references);
  const others = sample.references.length - 1;
  return html`<article class="sample" data-correct="${String(sample.correct)}">
<header><h3 dir="auto">${sample.source}</h3><p class="verdict ${sample.correct ? 'right' : 'wrong'}">${sample.correct ? 'correct' : 'wrong'}${sample.score !== undefined && html`<span class="score">score ${formatNumber(sample.score)}</span>`}</p></header>
<dl class="pair"><dt>Hypothesis</dt><dd dir="auto">${tokens(diff.hypothesis, diff.separator)}</dd>
<dt>Reference</dt><dd dir="auto">${tokens(diff.reference, diff.separator)}${others > 0 && html` <span class="hint" title="${sample.references.join(' | ')}">nearest of ${others + 1}</span>`}</dd></dl>
${
  sample.attention &&
  html`<details${index < OPEN_ALIGNMENTS && html` open`}><summary>Alignment</summary>${heatMap(sample.attention, index)}</details>`
}
</article>`;
}

function tokens(list: readonly DiffToken[], separator: string): Html {
  if (list.length === 0) return html`<span class="hint">empty</span>`;
  const parts = list.map(({ text, same }, i) => {
    const token = same ? html`${text}` : html`<mark>${text}</mark>`;
    return html`${i > 0 && separator}${token}`;
  });
  return html`${parts}`;
}
