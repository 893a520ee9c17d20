/** `heed evaluate`: scores a model on a file, in the way of what it does: translations, tags, or a running text. */
import type { Command } from 'commander';
import { readConll } from '../../data/conll.ts';
import { readExamples } from '../../data/readers.ts';
import { readText } from '../../data/running-text.ts';
import { ConfigError } from '../../errors.ts';
import { getMetric } from '../../metrics/registry.ts';
import { evaluateExamples } from '../../train/evaluate.ts';
import { scoreText, windowsFor } from '../../train/language-model-task.ts';
import { type LoadOptions, loadLanguageModel, loadModel, loadTagger } from '../../train/load-model.ts';
import { encodeText } from '../../train/prepare-text.ts';
import { encodeSentences, evaluateTagging } from '../../train/tagging-task.ts';
import { addDeviceOptions, applyDeviceOptions, type DeviceOptions } from '../device-options.ts';
import { maxBeamSize, metricLine, realNumber, wholeNumber } from '../numbers.ts';
import { countTruncated, note, noteTruncated, printJson } from '../output.ts';

interface EvaluateFlags extends DeviceOptions {
  readonly source?: string;
  readonly target?: string[];
  readonly metrics?: string;
  readonly beamSize: string;
  readonly lengthPenalty: string;
  readonly lowercase?: boolean;
  readonly conll?: string;
  readonly token: string;
  readonly tag?: string;
  readonly text?: string;
  readonly segmentLength?: string;
  readonly stride?: string;
  readonly strict?: boolean;
  readonly json?: boolean;
}

const examples = `
Examples:
  $ heed evaluate runs/pronounce --source words.txt --target phonemes.txt --metrics per,ser --beam-size 4
  $ heed evaluate runs/resume-tagger --conll test.char.bmes
  $ heed evaluate runs/shakespeare --text held-out.txt --stride 1`;

export function registerEvaluate(program: Command): void {
  const command = program
    .command('evaluate')
    .description('score a trained model on translations, tagged sentences or a running text')
    .argument('<model>', 'folder of a run or a model')
    .option('--source <file>', 'source texts, one a line; CoNLL-U for a model of trees')
    .option('--target <file>', 'what they should become; may be repeated', collect)
    .option('--metrics <names>', 'separated by commas: bleu, chrf, chrf++, wer, per, cer, ser, exact-match')
    .option('--beam-size <n>', 'hypotheses kept; 1 is greedy', '1')
    .option('--length-penalty <a>', 'exponent of ((5 + length)/6)^a', '0.6')
    .option('--lowercase', 'compare in lower case')
    .option('--conll <file>', 'for a tagger: a token and its tag a line, an empty line after a sentence')
    .option('--token <column>', 'with --conll: column of the tokens, from 0', '0')
    .option('--tag <column>', 'with --conll: column of the tags; the last one by default')
    .option('--text <file>', 'for a language model: a running text')
    .option(
      '--segment-length <n>',
      'with --text: tokens read at once; 128, or as many as it takes, by default',
    )
    .option('--stride <n>', 'with --text: places from one window to the next; side by side by default')
    .option('--strict', 'exit with code 3 instead of falling back to an older checkpoint')
    .option('--json', 'print one JSON object per metric');
  addDeviceOptions(command)
    .addHelpText('after', examples)
    .action((model: string, flags: EvaluateFlags) => evaluate(model, flags));
}

function collect(value: string, all: string[] = []): string[] {
  return [...all, value];
}

/** A score, and what else its JSON says. */
interface Score {
  readonly metric: string;
  readonly score: number;
  readonly signature?: string;
  readonly [more: string]: unknown;
}

async function evaluate(path: string, flags: EvaluateFlags): Promise<void> {
  const given = (['source', 'conll', 'text'] as const).filter((name) => flags[name] !== undefined);
  if (given.length !== 1) {
    throw new ConfigError({
      where: 'evaluate',
      expected: 'one of --source (with --target and --metrics), --conll and --text',
      got: given.length === 0 ? 'none' : given.map((name) => `--${name}`).join(' and '),
    });
  }
  const options = { strict: flags.strict ?? false, onNote: (text: string) => note(`note: ${text}`) };
  const ways = { source: ofTranslations, conll: ofTags, text: ofText };
  for (const { metric, score, signature, ...more } of await ways[given[0]!](path, flags, options)) {
    if (flags.json) printJson({ metric, score, ...(signature && { signature }), ...more });
    else process.stdout.write(`${metricLine({ [metric]: score })}${signature ? `   ${signature}` : ''}\n`);
  }
}

type Way = (path: string, flags: EvaluateFlags, options: LoadOptions) => Promise<Score[]>;

const ofTranslations: Way = async (path, flags, options) => {
  for (const name of ['target', 'metrics'] as const) {
    if (flags[name] === undefined)
      throw new ConfigError({ where: '--source', expected: `--${name} beside it`, got: 'none' });
  }
  const names = flags.metrics!.split(',').map((name) => name.trim());
  for (const name of names) getMetric(name);
  const beamSize = wholeNumber(flags.beamSize, '--beam-size', 1, maxBeamSize);
  const lengthPenalty = realNumber(flags.lengthPenalty, '--length-penalty');
  applyDeviceOptions(flags);
  const [target, ...references] = flags.target as [string, ...string[]];
  const { translator } = await loadModel(path, options);
  const format = translator.model.readsTrees ? 'conllu' : 'parallel';
  const examples = readExamples({ format, source: flags.source!, target, references });
  const { reports, translations } = evaluateExamples(translator, examples, {
    beamSize,
    lengthPenalty,
    metrics: names,
    ...(flags.lowercase !== undefined && { lowercase: flags.lowercase }),
  });
  noteTruncated(countTruncated(translations));
  const count = examples.length;
  return reports.map(({ metric, score, signature }) => ({ metric, score, signature, examples: count }));
};

/** Tokens of a batch of sentences. */
const BATCH_TOKENS = 4096;

const ofTags: Way = async (path, { conll, token, tag, ...flags }, options) => {
  const columns = {
    token: wholeNumber(token, '--token', 0),
    ...(tag !== undefined && { tag: wholeNumber(tag, '--tag', 0) }),
  };
  applyDeviceOptions(flags);
  const sentences = readConll(conll!, columns);
  const { model, tokenizers } = await loadTagger(path, options);
  const encoded = encodeSentences(sentences, tokenizers, conll!);
  const { metrics } = evaluateTagging(model, tokenizers.target, encoded, BATCH_TOKENS);
  return scoresOf(metrics, { sentences: sentences.length });
};

const ofText: Way = async (path, { text, segmentLength, stride, ...flags }, options) => {
  const given = segmentLength === undefined ? undefined : wholeNumber(segmentLength, '--segment-length');
  const step = stride === undefined ? undefined : wholeNumber(stride, '--stride');
  applyDeviceOptions(flags);
  const content = readText(text!);
  const { model, tokenizer } = await loadLanguageModel(path, options);
  if (given !== undefined && given > model.maxSeqLen) {
    const expected = `at most ${model.maxSeqLen} (maxSeqLen)`;
    throw new ConfigError({ where: '--segment-length', expected, got: String(given) });
  }
  const windows = windowsFor(model);
  const encoded = encodeText(tokenizer, content);
  const scores = scoreText(model, encoded, { ...windows, length: given ?? windows.length, stride: step });
  return scoresOf(scores, { tokens: encoded.ids.length - 1 });
};

function scoresOf(metrics: Readonly<Record<string, number>>, more: object): Score[] {
  return Object.entries(metrics).map(([metric, score]) => ({ metric, score, ...more }));
}
