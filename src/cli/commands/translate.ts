/** `heed translate`: a line in, a line out, in order, as they come. */
import type { Command } from 'commander';
import { streamConllu } from '../../data/conllu.ts';
import type { SourceText } from '../../data/source-text.ts';
import { ConfigError } from '../../errors.ts';
import type { ParallelDecoding } from '../../generate/decode-batch.ts';
import type { TranslateOptions, Translation } from '../../generate/translator.ts';
import { type LoadedModel, loadModel } from '../../train/load-model.ts';
import { addDeviceOptions, applyDeviceOptions, type DeviceOptions } from '../device-options.ts';
import {
  addGuessingOptions,
  checkSameVocabulary,
  type GuessingFlags,
  guessingOptions,
  refuseBeside,
} from '../guessing-options.ts';
import { inputLines, standardInput } from '../input-lines.ts';
import { lineBatches } from '../line-batches.ts';
import { lineWriter } from '../line-writer.ts';
import { maxBeamSize, realNumber, wholeNumber } from '../numbers.ts';
import { countTruncated, note, noteTruncated } from '../output.ts';
import { addSamplingOptions, type SamplingFlags, samplingOptions } from '../sampling-options.ts';

interface TranslateFlags extends DeviceOptions, SamplingFlags, GuessingFlags {
  readonly input?: string;
  readonly output?: string;
  readonly beamSize: string;
  readonly lengthPenalty: string;
  readonly nBest: string;
  readonly maxNewTokens?: string;
  readonly alignments?: boolean;
  readonly batch: string;
  readonly strict?: boolean;
  readonly json?: boolean;
  readonly blockwise?: boolean;
}

const examples = `
Examples:
  $ echo attention | heed translate runs/pronounce
  $ heed translate runs/pronounce --input words.txt --output phonemes.txt --beam-size 5
  $ heed translate runs/pronounce --n-best 3 --beam-size 5 --json < words.txt
  $ heed translate runs/pronounce --sample --temperature 0.7 --top-p 0.9 --seed 1 < words.txt`;

export function registerTranslate(program: Command): void {
  const command = program
    .command('translate')
    .description('translate lines with a trained model')
    .argument('<model>', 'folder of a run or a model')
    .option('--input <file>', 'read a file instead of standard input: lines, or CoNLL-U for a model of trees')
    .option('--output <file>', 'write to a file instead of standard output')
    .option('--beam-size <n>', 'hypotheses kept; 1 is greedy', '1')
    .option('--length-penalty <a>', 'exponent of ((5 + length)/6)^a', '0.6')
    .option('--n-best <n>', 'results for each line, separated by tabs with their scores', '1')
    .option('--max-new-tokens <n>', 'most tokens of a result')
    .option('--alignments', 'with --json, also the cross-attention')
    .option('--batch <n>', 'lines that are collected before they are translated', '256')
    .option('--blockwise', 'read what heads for later tokens guess: the texts of greedy decoding')
    .option('--strict', 'exit with code 3 instead of falling back to an older checkpoint')
    .option('--json', 'print one JSON object per line');
  addGuessingOptions(command);
  addSamplingOptions(command);
  addDeviceOptions(command)
    .addHelpText('after', examples)
    .action((model: string, flags: TranslateFlags) => translate(model, flags));
}

async function translate(path: string, flags: TranslateFlags): Promise<void> {
  const options = decodingOptions(flags);
  const most = wholeNumber(flags.batch, '--batch');
  applyDeviceOptions(flags);
  const load = (from: string): Promise<LoadedModel> =>
    loadModel(from, { strict: flags.strict ?? false, onNote: (text) => note(`note: ${text}`) });
  const model = await load(path);
  const parallel = await parallelDecoding(flags, model, load);
  const write = lineWriter(flags.output, flags.input);
  let truncated = 0;
  let firstStream = 0;
  for await (const batch of lineBatches(inputTexts(flags.input, model), most)) {
    const results = await model.translate(batch, { ...options, firstStream, ...(parallel && { parallel }) });
    firstStream += batch.length;
    truncated += countTruncated(results);
    await write.lines(results.map((result) => format(result, flags)));
  }
  await write.end();
  noteTruncated(truncated);
}

function decodingOptions(flags: TranslateFlags): TranslateOptions {
  const { maxNewTokens } = flags;
  const beamSize = wholeNumber(flags.beamSize, '--beam-size', 1, maxBeamSize);
  const nBest = wholeNumber(flags.nBest, '--n-best');
  const sample = samplingOptions(flags);
  if (sample && beamSize > 1) {
    throw new ConfigError({
      where: '--beam-size',
      expected: 'none beside --sample',
      got: flags.beamSize,
      hint: 'leave one of the two out; --n-best asks for several draws',
    });
  }
  if (!sample && nBest > beamSize) {
    throw new ConfigError({
      where: '--n-best',
      expected: `at most --beam-size (${beamSize})`,
      got: String(nBest),
      hint: `add --beam-size ${nBest}`,
    });
  }
  return {
    beamSize,
    nBest,
    ...(sample && { sample }),
    lengthPenalty: realNumber(flags.lengthPenalty, '--length-penalty'),
    alignments: flags.alignments ?? false,
    ...(maxNewTokens !== undefined && { maxNewTokens: wholeNumber(maxNewTokens, '--max-new-tokens') }),
  };
}

/** Who guesses tokens, from the flags. */
async function parallelDecoding(
  flags: TranslateFlags,
  model: LoadedModel,
  load: (path: string) => Promise<LoadedModel>,
): Promise<ParallelDecoding | undefined> {
  const { blockwise, jacobi, draft } = flags;
  const guessing = guessingOptions(flags);
  if (blockwise) {
    refuseBeside('--blockwise', { '--jacobi': jacobi, '--draft': draft });
    return { kind: 'blockwise' };
  }
  if (guessing?.kind !== 'speculative') return guessing;
  const small = await load(guessing.draft);
  const [own, others] = [model.translator.tokenizers, small.translator.tokenizers];
  for (const side of ['source', 'target'] as const)
    checkSameVocabulary(`${side} vocabulary`, own[side], others[side], guessing.draft);
  return { ...guessing, draft: small.model };
}

/** Lines, or sentences with trees for a model that reads them. */
function inputTexts(file: string | undefined, { model }: LoadedModel): AsyncGenerator<SourceText> {
  const lines = inputLines(file);
  return model.readsTrees ? streamConllu(lines, file ?? standardInput) : lines;
}

function format(result: Translation, { json }: TranslateFlags): string {
  if (json) {
    const { source, text, tokens, score, nBest, alignment, truncated } = result;
    return JSON.stringify({ source, text, tokens, score, nBest, ...(alignment && { alignment }), truncated });
  }
  if (result.nBest.length === 1) return result.text;
  return result.nBest.map(({ text, score }) => `${text}\t${score.toFixed(4)}`).join('\t');
}
