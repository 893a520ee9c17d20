import { describe, expect, it } from 'vitest';
import { STYLE } from './style.ts';

/** Relative luminance and contrast of WCAG 2.2. */
function luminance(hex: string): number {
  const [r, g, b] = [1, 3, 5].map((i) => {
    const channel = Number.parseInt(hex.slice(i, i + 2), 16) / 255;
    return channel <= 0.04045 ? channel / 12.92 : ((channel + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r! + 0.7152 * g! + 0.0722 * b!;
}

function contrast(a: string, b: string): number {
  const [dark, light] = [luminance(a), luminance(b)].sort((x, y) => x - y);
  return (light! + 0.05) / (dark! + 0.05);
}

describe.each([
  ['light', 1],
  ['dark', 2],
] as const)('%s theme', (_, index) => {
  const colour = (name: string) =>
    new RegExp(`--${name}: light-dark\\((#[0-9a-f]{6}), (#[0-9a-f]{6})\\)`).exec(STYLE)![index]!;

  it.each([
    ['ink', 'paper'],
    ['ink', 'raised'],
    ['soft', 'paper'],
    ['accent', 'paper'],
    ['ink', 'heat'],
    ['ink', 'mark'],
    ['paper', 'ink'],
  ])('text of %s on %s reaches AA (4.5)', (text, ground) => {
    expect(contrast(colour(text), colour(ground))).toBeGreaterThanOrEqual(4.5);
  });

  it('curves reach 3 against the paper', () => {
    for (const name of ['ink', 'accent', 'faint']) {
      expect(contrast(colour(name), colour('paper'))).toBeGreaterThanOrEqual(3);
    }
  });
});
