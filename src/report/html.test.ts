import fc from 'fast-check';
import { expect, it } from 'vitest';
import { embedJson, html } from './html.ts';

it('escapes text, keeps markup, and leaves nothing for what is absent', () => {
  const inner = html`<i>${'<&>'}</i>`;
  expect(html`<p title="${`"'`}">${inner}${undefined}${false}${[inner, inner]}${0}</p>`.markup).toBe(
    '<p title="&quot;&#39;"><i>&lt;&amp;&gt;</i><i>&lt;&amp;&gt;</i><i>&lt;&amp;&gt;</i>0</p>',
  );
});

it('never lets text open a tag or leave an attribute', () => {
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom('<', '>', '"', "'", '&', 'a', '/') }), (text) => {
      expect(html`${text}`.markup).not.toMatch(/[<>"']|&(?!amp;|lt;|gt;|quot;|#39;)/);
    }),
  );
});

it('embeds JSON that reads back and holds no tag', () => {
  const value = { text: '</script><!--<script>', list: [1.5, null] };
  const { markup } = embedJson(value);
  expect(markup).not.toContain('<');
  expect(JSON.parse(markup)).toEqual(value);
});
