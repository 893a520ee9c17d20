/** Every command of `heed`, one line each. */
import type { Command } from 'commander';
import { registerBench } from './bench.ts';
import { registerCompare } from './compare.ts';
import { registerDistill } from './distill.ts';
import { registerEvaluate } from './evaluate.ts';
import { registerFill } from './fill.ts';
import { registerGenerate } from './generate.ts';
import { registerInspect } from './inspect.ts';
import { registerQuantize } from './quantize.ts';
import { registerQuickstart } from './quickstart.ts';
import { registerReport } from './report.ts';
import { registerScore } from './score.ts';
import { registerTag } from './tag.ts';
import { registerTokenizer } from './tokenizer.ts';
import { registerTrain } from './train.ts';
import { registerTranslate } from './translate.ts';

export const commands: readonly ((program: Command) => void)[] = [
  registerTrain,
  registerTranslate,
  registerGenerate,
  registerTag,
  registerFill,
  registerEvaluate,
  registerDistill,
  registerScore,
  registerCompare,
  registerQuantize,
  registerInspect,
  registerReport,
  registerTokenizer,
  registerBench,
  registerQuickstart,
];
