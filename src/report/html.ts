/** Markup in which every interpolated text is escaped unless it is markup itself. */

/** Finished markup. */
export interface Html {
  readonly markup: string;
}

/** What may stand in a template: text is escaped, `undefined` and `false` leave nothing. */
export type HtmlPart = string | number | Html | readonly Html[] | undefined | false;

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/**
 * Text that stands for itself between tags and inside a quoted attribute.
 *
 * @example escapeHtml('<b>') // '&lt;b&gt;'
 */
function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => ENTITIES[character]!);
}

/**
 * Template tag that gives markup and escapes what is interpolated.
 *
 * @example html`<p>${'a < b'}</p>`.markup // '<p>a &lt; b</p>'
 */
export function html(strings: TemplateStringsArray, ...parts: readonly HtmlPart[]): Html {
  let markup = strings[0]!;
  for (const [i, part] of parts.entries()) markup += render(part) + strings[i + 1]!;
  return { markup };
}

function render(part: HtmlPart): string {
  if (part === undefined || part === false) return '';
  if (typeof part === 'string') return escapeHtml(part);
  if (typeof part === 'number') return String(part);
  if ('markup' in part) return part.markup;
  return part.map(({ markup }) => markup).join('');
}

/** Markup that was not written with the tag: the page's own style and script. */
export function trusted(markup: string): Html {
  return { markup };
}

/** JSON that cannot end the script element it stands in. */
export function embedJson(value: unknown): Html {
  return trusted(JSON.stringify(value).replaceAll('<', '\\u003c'));
}
