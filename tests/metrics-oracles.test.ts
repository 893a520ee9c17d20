/** The metrics against recorded answers of sacreBLEU 2.6.0, torchmetrics, numpy and scipy. */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import {
  type BleuTokenizer,
  bleu,
  bootstrapInterval,
  chrf,
  errorRate,
  languageModelScores,
  meanInterval,
  meanStatistics,
  proportionInterval,
  referencesByItem,
  sentenceBleu,
  sentenceChrf,
  tokenizeForBleu,
  tTest,
} from '../src/metrics/index.ts';
import { needData, needJson } from './support/shared-data.ts';

const sacreBleuTolerance = 1e-8;
const tolerance = 1e-9;

let compared = 0;

function expectNear(actual: number, expected: number, within: number, what: string): void {
  compared++;
  const bound = within * Math.max(1, Math.abs(expected));
  expect(Math.abs(actual - expected), `${what}: ${actual}, oracle ${expected}`).toBeLessThanOrEqual(bound);
}

function expectAllNear(actual: readonly number[], expected: readonly number[], within: number, what: string) {
  expect(actual.length, what).toBe(expected.length);
  for (const [k, value] of actual.entries()) expectNear(value, expected[k]!, within, `${what}[${k}]`);
}

interface BleuNumbers {
  precisions: number[];
  bp: number;
  sys_len: number;
  ref_len: number;
  signature?: string;
}

function expectBleu(result: ReturnType<typeof bleu>, score: number, expected: BleuNumbers, what: string) {
  expectNear(result.score, score, sacreBleuTolerance, what);
  expectAllNear(result.precisions, expected.precisions, sacreBleuTolerance, `${what} precisions`);
  expectNear(result.brevityPenalty, expected.bp, sacreBleuTolerance, `${what} brevity penalty`);
  expect([result.hypothesisLength, result.referenceLength]).toEqual([expected.sys_len, expected.ref_len]);
  if (expected.signature) expect(result.signature).toBe(expected.signature);
}

describe('FLORES system outputs', () => {
  interface Case extends BleuNumbers {
    pair: string;
    hyp: string;
    ref: string;
    bleu: number;
    chrf2: number;
    signature: string;
  }

  test('BLEU and chrF2 equal sacreBLEU', (context) => {
    compared = 0;
    for (const item of needJson(context, 'bleu/scores.json') as Case[]) {
      const read = (name: string) =>
        readFileSync(needData(context, `bleu/${item.pair}/${name}`), 'utf8')
          .trimEnd()
          .split('\n');
      const hypotheses = read(item.hyp);
      const references = referencesByItem([read(item.ref)]);
      const tokenize = /tok:(\w+)/.exec(item.signature)![1] as BleuTokenizer;
      expectBleu(bleu(hypotheses, references, { tokenize }), item.bleu, item, item.hyp);
      expectNear(chrf(hypotheses, references).score, item.chrf2, sacreBleuTolerance, `${item.hyp} chrF2`);
    }
    expect(compared).toBe(6 * 7);
  });
});

interface Corpus {
  hypotheses: string[];
  references: string[][];
  scores: Record<string, unknown>[];
  sentences_all_references_13a: Record<string, number>[];
  tokenised: Record<string, string>[];
}

type BleuCase = BleuNumbers & {
  references: number;
  score: number;
  counts: number[];
  totals: number[];
  tokenize: BleuTokenizer;
  smooth_method?: 'exp';
  smooth_value?: number | null;
  lowercase?: boolean;
  max_ngram_order?: number;
};

type ChrfCase = {
  references: number;
  score: number;
  signature: string;
  options: Record<string, number | boolean>;
};

const chrfNames: Readonly<Record<string, string>> = {
  char_order: 'charOrder',
  word_order: 'wordOrder',
  eps_smoothing: 'epsSmoothing',
};

describe('perturbed translations', () => {
  const corpora = (context: Parameters<typeof needJson>[0]) =>
    (needJson(context, 'oracles/metrics/translation.json') as { corpora: Record<string, Corpus> }).corpora;

  test('corpus BLEU: score, parts and signature', (context) => {
    compared = 0;
    let cases = 0;
    for (const [name, corpus] of Object.entries(corpora(context))) {
      for (const item of corpus.scores.filter(({ metric }) => metric === 'BLEU') as unknown as BleuCase[]) {
        cases++;
        const references = referencesByItem(corpus.references.slice(0, item.references));
        const result = bleu(corpus.hypotheses, references, {
          tokenize: item.tokenize,
          smooth: item.smooth_method ?? 'exp',
          lowercase: item.lowercase ?? false,
          maxNgramOrder: item.max_ngram_order ?? 4,
          ...(item.smooth_value == null ? {} : { smoothValue: item.smooth_value }),
        });
        const what = `${name} ${item.signature}`;
        expectNear(result.score, item.score, sacreBleuTolerance, what);
        expectAllNear(result.precisions, item.precisions, sacreBleuTolerance, `${what} precisions`);
        if (!item.signature) continue;
        expectBleu(result, item.score, item, what);
        expectAllNear(result.counts, item.counts, 0, `${what} counts`);
        expectAllNear(result.totals, item.totals, 0, `${what} totals`);
      }
    }
    expect(cases).toBeGreaterThanOrEqual(97);
    expect(compared).toBeGreaterThan(1000);
  });

  test('corpus chrF: score and signature', (context) => {
    compared = 0;
    for (const [name, corpus] of Object.entries(corpora(context))) {
      for (const item of corpus.scores.filter(({ metric }) => metric === 'CHRF') as unknown as ChrfCase[]) {
        const references = referencesByItem(corpus.references.slice(0, item.references));
        const options = Object.fromEntries(
          Object.entries(item.options).map(([option, value]) => [chrfNames[option] ?? option, value]),
        );
        const result = chrf(corpus.hypotheses, references, options);
        expectNear(result.score, item.score, sacreBleuTolerance, `${name} ${item.signature}`);
        expect(result.signature).toBe(item.signature);
      }
    }
    expect(compared).toBe(18);
  });

  test('sentence BLEU and chrF', (context) => {
    compared = 0;
    for (const corpus of Object.values(corpora(context))) {
      for (const [i, expected] of corpus.sentences_all_references_13a.entries()) {
        const hypothesis = corpus.hypotheses[i]!;
        const references = corpus.references.map((stream) => stream[i]!);
        for (const smooth of ['exp', 'floor', 'add-k', 'none'] as const) {
          const { score } = sentenceBleu(hypothesis, references, { smooth });
          expectNear(score, expected[`bleu_${smooth}`]!, sacreBleuTolerance, `${i} ${smooth}`);
        }
        const full = sentenceBleu(hypothesis, references, { effectiveOrder: false }).score;
        expectNear(full, expected.bleu_exp_full_order!, sacreBleuTolerance, `${i} full order`);
        const plain = sentenceChrf(hypothesis, references).score;
        expectNear(plain, expected.chrf2!, sacreBleuTolerance, `${i} chrF2`);
        const words = sentenceChrf(hypothesis, references, { wordOrder: 2 }).score;
        expectNear(words, expected['chrf++']!, sacreBleuTolerance, `${i} chrF2++`);
      }
    }
    expect(compared).toBe(70 * 7);
  });

  test('tokenised lines', (context) => {
    let lines = 0;
    for (const corpus of Object.values(corpora(context))) {
      for (const { text, ...expected } of corpus.tokenised) {
        for (const [tokenizer, line] of Object.entries(expected)) {
          lines++;
          expect(tokenizeForBleu(text!, tokenizer as BleuTokenizer).join(' '), tokenizer).toBe(line);
        }
      }
    }
    expect(lines).toBeGreaterThanOrEqual(180);
  });

  test('word and character error rates', (context) => {
    interface Case {
      corpus: string;
      first: number;
      wer: number;
      cer: number;
      word_edits: number[];
      char_edits: number[];
    }
    const { cases } = needJson(context, 'oracles/metrics/error_rates.json') as { cases: Case[] };
    const all = corpora(context);
    compared = 0;
    for (const item of cases) {
      const corpus = all[item.corpus]!;
      const hypotheses = corpus.hypotheses.slice(0, item.first);
      const references = referencesByItem([corpus.references[0]!.slice(0, item.first)]);
      const words = errorRate('word', hypotheses, references);
      const characters = errorRate('character', hypotheses, references);
      expectNear(words.score, 100 * item.wer, tolerance, `${item.corpus} wer`);
      expectNear(characters.score, 100 * item.cer, tolerance, `${item.corpus} cer`);
      expect(words.items.map(({ edits }) => edits)).toEqual(item.word_edits);
      expect(characters.items.map(({ edits }) => edits)).toEqual(item.char_edits);
    }
    expect(compared).toBe(4);
  });
});

describe('numbers', () => {
  interface LanguageModelCase {
    nll_nats: number[];
    bytes: number;
    mean_nll: number;
    perplexity: number;
    bits_per_token: number;
    bits_per_byte: number;
  }

  interface IntervalCase {
    values: number[];
    mean: number;
    t_interval_95: number[];
    normal_interval_95: number[];
    proportion: [number, number];
    wilson_95: number[];
    clopper_pearson_95: number[];
    t_statistic_vs_0: number;
    p_value_vs_0: number;
    resample_indices?: number[][];
    bootstrap_means?: number[];
    percentile_95_linear?: number[];
    bootstrap_se?: number;
  }

  interface Numbers {
    language_model: LanguageModelCase[];
    intervals: IntervalCase[];
  }

  test('perplexity and bits', (context) => {
    compared = 0;
    for (const item of (needJson(context, 'oracles/metrics/numbers.json') as Numbers).language_model) {
      const nll = item.nll_nats.reduce((sum, value) => sum + value, 0);
      const result = languageModelScores(nll, { tokens: item.nll_nats.length, bytes: item.bytes });
      expectNear(result.meanNll, item.mean_nll, tolerance, 'mean nll');
      expectNear(result.perplexity, item.perplexity, tolerance, 'perplexity');
      expectNear(result.bitsPerToken, item.bits_per_token, tolerance, 'bits per token');
      expectNear(result.bitsPerByte!, item.bits_per_byte, tolerance, 'bits per byte');
    }
    expect(compared).toBe(12);
  });

  test('intervals and the t test', (context) => {
    compared = 0;
    for (const item of (needJson(context, 'oracles/metrics/numbers.json') as Numbers).intervals) {
      const t = meanInterval(item.values);
      const normal = meanInterval(item.values, { distribution: 'normal' });
      const wilson = proportionInterval(...item.proportion);
      const exact = proportionInterval(...item.proportion, { method: 'clopper-pearson' });
      expectNear(t.mean, item.mean, tolerance, 'mean');
      expectAllNear([t.low, t.high], item.t_interval_95, tolerance, 't');
      expectAllNear([normal.low, normal.high], item.normal_interval_95, tolerance, 'normal');
      expectAllNear([wilson.low, wilson.high], item.wilson_95, tolerance, 'Wilson');
      expectAllNear([exact.low, exact.high], item.clopper_pearson_95, tolerance, 'Clopper-Pearson');
      const test = tTest(item.values);
      expectNear(test.t, item.t_statistic_vs_0, tolerance, 't statistic');
      expectNear(test.pValue / item.p_value_vs_0, 1, tolerance, 'p value');
    }
    expect(compared).toBe(33);
  });

  test('the bootstrap with recorded resamples', (context) => {
    compared = 0;
    const { intervals } = needJson(context, 'oracles/metrics/numbers.json') as Numbers;
    for (const item of intervals.filter(({ resample_indices }) => resample_indices)) {
      const result = bootstrapInterval(meanStatistics(item.values), { indices: item.resample_indices! });
      expectAllNear(result.resampledScores, item.bootstrap_means!, tolerance, 'means');
      expectAllNear([result.low, result.high], item.percentile_95_linear!, tolerance, 'percentiles');
      expectNear(result.standardError, item.bootstrap_se!, tolerance, 'standard error');
    }
    expect(compared).toBeGreaterThanOrEqual(406);
  });
});
