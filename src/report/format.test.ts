import { expect, it } from 'vitest';
import { formatCount, formatDate, formatDuration, formatNumber, formatTick, groupDigits } from './format.ts';
import { metricName, taskFirst } from './metric-names.ts';

it.each([
  [8.4, '8.4'],
  [33.123456, '33.12'],
  [-1.2, '-1.2'],
  [0, '0'],
  [0.0007, '7e-4'],
  [0.00012345, '1.234e-4'],
  [12345.6, '12,346'],
  [-12345.6, '-12,346'],
  [2.5e12, '2.5e12'],
])('writes %d as %s', (value, text) => {
  expect(formatNumber(value)).toBe(text);
});

it('groups digits and shortens counts', () => {
  expect(groupDigits(1234567)).toBe('1,234,567');
  expect([950, 9999, 12_345, 13_245_678, 2e9].map(formatCount)).toEqual([
    '950',
    '9,999',
    '12.3 k',
    '13.2 M',
    '2 G',
  ]);
});

it('writes the ticks of one axis in one form', () => {
  expect([0, 500, 1000].map((tick) => formatTick(tick, 1000))).toEqual(['0', '500', '1000']);
  expect([0, 5000, 12_500].map((tick) => formatTick(tick, 12_500))).toEqual(['0', '5k', '12.5k']);
  expect([0, 500_000, 2e6].map((tick) => formatTick(tick, 2e6))).toEqual(['0', '0.5M', '2M']);
  expect([0.0005, 0.002].map((tick) => formatTick(tick, 0.002))).toEqual(['5e-4', '2e-3']);
});

it.each([
  [12.34, '12.34 s'],
  [59.9996, '1 min 0 s'],
  [743.2, '12 min 23 s'],
  [3723, '1 h 2 min'],
  [3599.7, '1 h 0 min'],
])('writes %d seconds as %s', (seconds, text) => {
  expect(formatDuration(seconds)).toBe(text);
});

it('writes a date to the minute and leaves other text alone', () => {
  expect(formatDate('2026-03-04T09:12:44.120+02:00')).toBe('2026-03-04 07:12 UTC');
  expect(formatDate('yesterday')).toBe('yesterday');
});

it('names metrics, splits unknown names into words, and puts the task first', () => {
  expect(metricName('per')).toEqual({ label: 'PER', unit: '%', better: 'lower' });
  expect(metricName('tokensPerSecond').label).toBe('Tokens per second');
  expect(metricName('beam_5-wer').label).toBe('Beam 5 wer');
  expect(metricName('constructor').label).toBe('Constructor');
  const order = taskFirst(['loss', 'per', 'perplexity', 'wer'].map((name) => [name, 0] as const));
  expect(order.map(([name]) => name)).toEqual(['per', 'wer', 'loss', 'perplexity']);
});
