import { expect, test } from 'vitest';
import { ConfigError } from '../errors.ts';
import { bootstrapInterval } from './bootstrap.ts';
import { sumRows } from './corpus.ts';
import { getMetric, metrics } from './registry.ts';

const hypotheses = ['the cat sat on the mat', 'Hello World'];
const references = [['the cat sat on a mat'], ['hello world', 'Hello']];

test('the names of the command line', () => {
  expect([...metrics.keys()]).toEqual(['bleu', 'chrf', 'chrf++', 'wer', 'per', 'cer', 'exact-match', 'ser']);
});

test('every score is in percent', () => {
  const scores = [...metrics.values()].map((metric) => {
    const perfect = metric.compute(['a b c d'], [['a b c d']]).score;
    return [metric.name, metric.higherIsBetter, perfect];
  });
  expect(scores).toEqual([
    ['bleu', true, 100],
    ['chrf', true, 100],
    ['chrf++', true, 100],
    ['wer', false, 0],
    ['per', false, 0],
    ['cer', false, 0],
    ['exact-match', true, 100],
    ['ser', false, 0],
  ]);
  expect(getMetric('wer').compute(['a'], [['a b']]).score).toBe(50);
});

test('a report carries its name, its signature and its parts, and no list per item', () => {
  const report = getMetric('wer').compute(hypotheses, references);
  expect(report).toEqual({
    metric: 'wer',
    score: (100 * 2) / 7,
    signature: 'nrefs:var|case:mixed|unit:word|version:heed-1',
    details: { edits: 2, referenceUnits: 7, items: 2 },
  });
});

test('options reach the metric, and the statistics agree with the score', () => {
  for (const metric of metrics.values()) {
    const options = { lowercase: true, charOrder: 3 };
    const { score } = metric.compute(hypotheses, references, options);
    const statistics = metric.itemStatistics(hypotheses, references, options);
    expect(statistics.score(sumRows(statistics.rows)), metric.name).toBe(score);
    expect(bootstrapInterval(statistics, { resamples: 10 }).score).toBe(score);
    expect(metric.compute(hypotheses, references).score, metric.name).not.toBe(score);
  }
});

test('chrf counts characters, chrf++ one and two words as well', () => {
  expect(getMetric('chrf').compute(hypotheses, references).signature).toContain('|nc:6|nw:0|');
  expect(getMetric('chrf++').compute(hypotheses, references).signature).toContain('|nc:6|nw:2|');
});

test('an unknown name names the nearest', () => {
  expect(() => getMetric('blue')).toThrow(ConfigError);
  expect(() => getMetric('blue')).toThrow('did you mean "bleu"?');
  expect(() => getMetric('chrf+')).toThrow('did you mean "chrf');
});
