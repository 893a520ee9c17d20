import { describe, expect, it } from 'vitest';
import { parseJsonLines, toTable } from './json-lines.ts';
import { renderReport } from './page.ts';
import { metricOf } from './result.ts';
import type { RunData, Table } from './run-data.ts';

function table(...rows: readonly object[]): Table {
  return toTable(parseJsonLines(rows.map((row) => JSON.stringify(row)).join('\n'), 'rows'), false);
}

function run(parts: Partial<RunData> = {}): RunData {
  const empty = table();
  return {
    name: 'a run',
    train: empty,
    validation: empty,
    test: empty,
    timing: empty,
    samples: [],
    ...parts,
  };
}

const title = (page: string) => /<title>(.*?)<\/title>/.exec(page)![1];
const charts = (page: string) => [...page.matchAll(/data-metric="(.*?)"/g)].map(([, metric]) => metric);

describe('the title', () => {
  const train = table({ step: 1, loss: 4 }, { step: 2, loss: 3.25 });
  const validation = table({ step: 2, loss: 3, per: 50, wer: 90 });
  const test = table({ loss: 2, per: 40, wer: 80.5 });

  it('names the best that is known: the result, the test set, the validation, the training', () => {
    const result = { metrics: { loss: 1, per: 8.4, wer: 33.1 }, published: [] };
    expect(title(renderReport(run({ train, validation, test, result })))).toBe(
      'PER 8.4 % · WER 33.1 % – a run',
    );
    expect(title(renderReport(run({ train, validation, test })))).toBe('PER 40 % · WER 80.5 % – a run');
    expect(title(renderReport(run({ train, validation })))).toBe('PER 50 % · WER 90 % – a run');
    expect(title(renderReport(run({ train })))).toBe('Loss 3.25 – a run');
    expect(title(renderReport(run()))).toBe('a run');
  });
});

describe('the charts', () => {
  it('are one per metric, with the loss of training and validation in one', () => {
    const page = renderReport(
      run({
        train: table({ step: 1, epoch: 0, loss: 3, nll: 2, gradNorm: 1, sourceTokens: 9 }),
        validation: table({ step: 1, loss: 3, perplexity: 9, bleu: 12 }),
        timing: table({ step: 1, seconds: 3, tokensPerSecond: 7 }),
      }),
    );
    expect(charts(page)).toEqual(['loss', 'bleu', 'perplexity', 'gradNorm', 'tokensPerSecond']);
    const loss = /data-metric="loss".*?<\/ul>/s.exec(page)![0];
    expect(
      [...loss.matchAll(/<li class="(\w+)" data-table="(\w+)" data-column="(\w+)"/g)].map((m) => m.slice(1)),
    ).toEqual([
      ['ink', 'train', 'loss'],
      ['faint', 'train', 'nll'],
      ['accent', 'validation', 'loss'],
    ]);
  });

  it('compare the likelihoods of training and validation where both are there', () => {
    const rows = table({ step: 1, loss: 3, nll: 2 });
    expect(charts(renderReport(run({ train: rows, validation: rows })))).toEqual(['loss', 'nll']);
  });

  it('leave out a metric that never had a value, and draw a single point as a dot', () => {
    const page = renderReport(run({ train: table({ step: 5, loss: 3, gradNorm: null }) }));
    expect(charts(page)).toEqual(['loss']);
    expect(page).toMatch(/<path class="curve ink"[^>]* d="M600 [\d.]+h0"/);
  });

  it('go from left to right when a resumed run has written its steps in another order', () => {
    const page = renderReport(
      run({ train: table({ step: 2, loss: 2 }, { step: 0, loss: 1 }, { step: 1, loss: 1.5 }) }),
    );
    expect(page).toContain('d="M0 240L300 120L600 0"');
  });

  it('label whole steps only', () => {
    const page = renderReport(run({ train: table({ step: 2, loss: 3 }) }));
    const labels = [...page.matchAll(/class="tick x"[^>]*>([^<]*)/g)].map(([, text]) => text);
    expect(labels.slice(0, 3)).toEqual(['step 0', '1', '2']);
  });

  it('break at a value that was not finite', () => {
    const page = renderReport(
      run({ train: table({ step: 0, loss: 1 }, { step: 1, loss: null }, { step: 2, loss: 2 }) }),
    );
    expect(page).toContain('d="M0 240h0M600 0h0"');
  });

  it('start on a log scale when the values span more than a factor of 50, never with a zero', () => {
    const shown = (...values: number[]) => shownAs('loss', values);
    const shownAs = (metric: string, values: readonly number[]) => {
      const page = renderReport(
        run({ train: table(...values.map((value, step) => ({ step, [metric]: value }))) }),
      );
      return [...page.matchAll(/<div class="plot"( hidden)? data-scale="(\w+)"/g)].map(
        (m) => `${m[2]}${m[1] ?? ''}`,
      );
    };
    expect(shown(1, 2)).toEqual(['linear', 'log hidden']);
    expect(shown(1, 51)).toEqual(['linear hidden', 'log']);
    expect(shown(0, 51)).toEqual(['linear']);
    expect(shownAs('learningRate', [1, 51])).toEqual(['linear', 'log hidden']);
  });
});

describe('published numbers', () => {
  const metrics = [
    ['per', 8.4],
    ['wer', 33.1],
  ] as const;

  it('belong to the metric that their name holds as a word', () => {
    const about = (name: string) => metricOf({ name, value: 1 }, metrics)?.[0];
    expect(about('WER')).toBe('wer');
    expect(about('per')).toBe('per');
    expect(about('WER of a model at 3 tokens per step')).toBe('wer');
    expect(about('Transformer, PER')).toBe('per');
    expect(about('Perplexity')).toBeUndefined();
  });

  it('stand beside the run with the difference and which is better', () => {
    const published = [
      { name: 'PER', value: 5.2, note: 'a paper' },
      { name: 'WER', value: 34.1 },
      { name: 'MOS', value: 4.1 },
    ];
    const page = renderReport(run({ result: { metrics: Object.fromEntries(metrics), published } }));
    const rows = [...page.matchAll(/<tr>(<th scope="row">.*?)<\/tr>/g)].map(([, row]) =>
      row!
        .replace(/<[^>]*>/g, '|')
        .split('|')
        .filter(Boolean),
    );
    expect(rows).toEqual([
      ['PER', '8.4 %', '5.2 %', '+3.2, worse', 'a paper'],
      ['WER', '33.1 %', '34.1 %', '−1, better'],
      ['MOS', '4.1'],
    ]);
  });
});
