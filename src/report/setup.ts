/** The section on what was run: machine, parameters and configuration. */
import { formatDate, groupDigits } from './format.ts';
import { type Html, html } from './html.ts';
import type { Experiment, ParameterCounts } from './run-data.ts';

/** A configuration of more fields is folded up. */
const SHOWN_FIELDS = 24;

/** What `experiment.json` says, as tables; `undefined` when it says nothing. */
export function setupSection(experiment: Experiment | undefined): Html | undefined {
  if (!experiment) return undefined;
  const { parameters, config } = experiment;
  return html`<section aria-labelledby="setup"><h2 id="setup">What was run</h2>
${machine(experiment)}
${parameters && parameterTable(parameters)}
${config && configGroups(config)}
</section>`;
}

function machine(experiment: Experiment): Html {
  const { device, threads, host, startedAt, heedVersion } = experiment;
  const facts: readonly (readonly [string, string | number | undefined])[] = [
    ['Device', device],
    ['Threads', threads],
    ['Processor', host?.cpu],
    ['Node', host?.node],
    ['heed', heedVersion],
    ['Started', startedAt === undefined ? undefined : formatDate(startedAt)],
  ];
  const known = facts.filter(([, value]) => value !== undefined);
  return html`<dl class="facts">${known.map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>`;
}

function parameterTable({ total, parts = {} }: ParameterCounts): Html {
  const rows = Object.entries(parts).map(([name, count]) => {
    const share = total > 0 ? (100 * count) / total : 0;
    return html`<tr><th scope="row">${name}</th><td>${groupDigits(count)}</td><td class="share"><span style="--share:${share.toFixed(1)}%"></span>${share.toFixed(1)} %</td></tr>\n`;
  });
  return html`<h3>${groupDigits(total)} parameters</h3>
${rows.length > 0 && html`<div class="scroll" tabindex="0" role="region" aria-label="Parameters"><table class="plain parts"><tbody>${rows}</tbody></table></div>`}`;
}

function configGroups(config: Readonly<Record<string, unknown>>): Html {
  const entries = Object.entries(config);
  const plain = entries.filter(([, value]) => !isNested(value));
  const groups = entries.flatMap(([name, value]) => (isNested(value) ? [group(name, flatten(value))] : []));
  const top = plain.length > 0 ? [group('', flatten(Object.fromEntries(plain)))] : [];
  const count = flatten(config).length;
  return html`<details${count <= SHOWN_FIELDS && html` open`}><summary>Configuration, ${count} fields</summary>
<div class="groups">${[...groups, ...top]}</div></details>`;
}

function group(name: string, fields: readonly (readonly [string, string])[]): Html {
  const rows = fields.map(
    ([path, value]) => html`<div><dt><code>${path}</code></dt><dd><code>${value}</code></dd></div>`,
  );
  return html`<div class="group">${name !== '' && html`<h4>${name}</h4>`}<dl>${rows}</dl></div>\n`;
}

/** Leaves of a nested object with their dotted paths; arrays are leaves. */
function flatten(value: Readonly<Record<string, unknown>>, prefix = ''): [string, string][] {
  return Object.entries(value).flatMap(([key, entry]): [string, string][] => {
    if (isNested(entry)) return flatten(entry, `${prefix}${key}.`);
    return [[`${prefix}${key}`, typeof entry === 'string' ? entry : JSON.stringify(entry)]];
  });
}

function isNested(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
