/** JSON.parse keeps the last of two equal keys silently; a file in which a name stands twice is refused instead. */

/**
 * The first key that appears twice in one object of a JSON text that is known to be valid.
 *
 * @returns the key and the place of its second appearance, or undefined
 */
export function duplicateKey(text: string): { readonly key: string; readonly offset: number } | undefined {
  const open: (Set<string> | null)[] = [];
  let expectsKey = false;
  for (let i = 0; i < text.length; i++) {
    const character = text[i]!;
    if (character === '"') {
      const end = closingQuote(text, i);
      if (expectsKey) {
        const key = JSON.parse(text.slice(i, end + 1)) as string;
        const keys = open.at(-1)!;
        if (keys.has(key)) return { key, offset: i };
        keys.add(key);
        expectsKey = false;
      }
      i = end;
    } else if (character === '{' || character === '[') {
      open.push(character === '{' ? new Set() : null);
      expectsKey = character === '{';
    } else if (character === '}' || character === ']') {
      open.pop();
      expectsKey = false;
    } else if (character === ',') {
      expectsKey = open.at(-1) instanceof Set;
    }
  }
  return undefined;
}

function closingQuote(text: string, start: number): number {
  let end = start + 1;
  while (text[end] !== '"') end += text[end] === '\\' ? 2 : 1;
  return end;
}
