/** Titles of choices in tests that run over many of them. */

/**
 * A choice as a title: its JSON, and after it the rows of the inventory that its words stand for, so that
 * docs/mechanisms.md counts its tests in these rows.
 *
 * @param rows - row by kind or switch: `{ bilinear: 'E5', tieQueryKey: 'E9' }`
 */
export function titled(choice: unknown, rows: Readonly<Record<string, string>>): string {
  const json = JSON.stringify(choice);
  const words = json.match(/[\w-]+/g) ?? [];
  const found = new Set(words.flatMap((word) => (Object.hasOwn(rows, word) ? [rows[word]!] : [])));
  return found.size === 0 ? json : `${json} (${[...found].join(', ')})`;
}
