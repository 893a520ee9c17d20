/** What scores of tags are; each check throws when they are not. */
import { readFileSync } from 'node:fs';
import { expect } from 'vitest';
import { taggingScores } from '../../../src/metrics/tagging.ts';

interface Case {
  readonly right: readonly string[];
  readonly found: readonly string[];
  readonly scores: Readonly<Record<'accuracy' | 'precision' | 'recall' | 'f1', number>>;
}

/** Tags in any order, well formed or not: the figures that conlleval printed. */
export function spansAreWhatConllevalSees(): void {
  const file = new URL('../../fixtures/conlleval.json', import.meta.url);
  const { cases } = JSON.parse(readFileSync(file, 'utf8')) as { cases: readonly Case[] };
  for (const { right, found, scores } of cases) {
    const [own, wanted] = [found, right].map((all) => all.map((tags) => tags.split(' ')));
    const rounded = Object.entries(taggingScores(own!, wanted!)).map(([name, x]) => [name, x.toFixed(2)]);
    expect(Object.fromEntries(rounded)).toEqual(
      Object.fromEntries(Object.entries(scores).map(([name, x]) => [name, x.toFixed(2)])),
    );
  }
}
