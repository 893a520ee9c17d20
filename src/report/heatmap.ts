/** Attention weights as a table whose cells are shaded by their value. */
import { type Html, html } from './html.ts';
import type { SampleAttention } from './run-data.ts';

/** Text by which a token of white space is seen. */
function visible(token: string): string {
  return token.trim() === '' ? token.replace(/\s/g, '␣') || '∅' : token;
}

/**
 * Draws cross-attention weights [T, S]: target tokens downwards, source tokens across. Every cell shows
 * its weight to three digits and carries it exactly in `data-weight`.
 *
 * @param attention - tokens and weights of one sample
 * @param index - number of the sample, by which the page's script finds its heads
 */
export function heatMap(attention: SampleAttention, index: number): Html {
  const { sourceTokens, targetTokens, alignment, heads } = attention;
  return html`${heads && headButtons(heads.length)}
<div class="scroll" tabindex="0" role="region" aria-label="Alignment of sample ${index + 1}">
<table class="heat" data-sample="${index}"><thead><tr><td></td>${sourceTokens.map((token) => html`<th scope="col"><bdi>${visible(token)}</bdi></th>`)}</tr></thead>
<tbody>${alignment.map((row, t) => heatRow(visible(targetTokens[t]!), row, sourceTokens))}</tbody></table></div>`;
}

function heatRow(target: string, weights: readonly number[], sourceTokens: readonly string[]): Html {
  const cells = weights.map((weight, s) => {
    const title = `${target} ← ${visible(sourceTokens[s]!)}: ${weight.toFixed(3)}`;
    return html`<td data-weight="${weight}" title="${title}" style="--w:${Number(weight.toFixed(3))}">${weight.toFixed(3)}</td>`;
  });
  return html`<tr><th scope="row"><bdi>${target}</bdi></th>${cells}</tr>\n`;
}

function headButtons(count: number): Html {
  const names = ['mean', ...Array.from({ length: count }, (_, h) => String(h + 1))];
  return html`<p class="controls scripted heads" hidden role="group" aria-label="Attention head">Head ${names.map((name, i) => html`<button type="button" data-head="${i - 1}" aria-pressed="${i === 0 ? 'true' : 'false'}">${name}</button>`)}</p>`;
}
