/** What a run leaves behind for people: what was run, how good it is, samples. */
import { rmSync } from 'node:fs';
import os from 'node:os';
import { join } from 'node:path';
import type { Device } from '../core/device.ts';
import type { Example } from '../data/examples.ts';
import { type Alignment, Translator } from '../generate/translator.ts';
import { heedVersion } from '../version.ts';
import { writeAtomically } from './atomic.ts';
import type { Experiment } from './config/schema.ts';
import { comparedReferences, evaluateExamples, scoresOf } from './evaluate.ts';
import type { TrainingEvent } from './events.ts';
import type { Prepared } from './prepare-run.ts';

/** A line of `samples.json`. */
export interface SampleRecord {
  readonly source: string;
  readonly references: readonly string[];
  readonly hypothesis: string;
  readonly score: number;
  readonly correct: boolean;
  readonly sourceTokens: readonly string[];
  readonly targetTokens: readonly string[];
  readonly alignment: readonly (readonly number[])[];
  readonly heads: readonly (readonly (readonly number[])[])[];
}

/** Test scores in percent by metric, and the samples. */
export interface TestResult {
  readonly metrics: Readonly<Record<string, number>>;
  readonly samples: readonly SampleRecord[];
}

/** Scores the test examples, and writes samples and result into the run folder. */
export function test(
  experiment: Experiment,
  prepared: Prepared,
  summary: { readonly folder: string; readonly steps: number; readonly seconds: number },
  onEvent: (event: TrainingEvent) => void,
): TestResult {
  const { folder } = summary;
  const section = experiment.evaluation.test ?? experiment.evaluation;
  const translator = new Translator(prepared.model, prepared.tokenizers);
  const examples = prepared.testExamples.slice(0, section.maxExamples);
  onEvent({ type: 'testing', examples: examples.length });
  const metrics =
    examples.length > 0
      ? scoresOf(evaluateExamples(translator, examples, section).reports, experiment.evaluation.labels)
      : {};
  const shown = pick(
    examples.length > 0 ? examples : prepared.validationExamples,
    experiment.evaluation.samples,
  );
  const samples = makeSamples(translator, shown, section);
  writeAtomically(join(folder, 'samples.json'), `${JSON.stringify(samples)}\n`);
  const result = { seconds: summary.seconds, steps: summary.steps, metrics, published: experiment.published };
  writeAtomically(join(folder, 'result.json'), `${JSON.stringify(result, null, 2)}\n`);
  return { metrics, samples };
}

/** Examples spread evenly over a list. */
function pick(examples: readonly Example[], count: number): Example[] {
  const step = Math.max(1, Math.floor(examples.length / Math.max(1, count)));
  return examples.filter((_, i) => i % step === 0).slice(0, count);
}

const unaligned: Alignment = { sourceTokens: [], targetTokens: [], weights: [], heads: [] };

function makeSamples(
  translator: Translator,
  examples: readonly Example[],
  section: Experiment['evaluation']['test'] & object,
): SampleRecord[] {
  const { beamSize, lengthPenalty } = section;
  const sources = examples.map(({ source }) => source);
  const alignments = translator.model.alignmentPath !== undefined;
  return translator.translate(sources, { beamSize, lengthPenalty, alignments }).map((translation, i) => {
    const references = comparedReferences(examples[i]!, section, translator);
    const { sourceTokens, targetTokens, weights, heads } = translation.alignment ?? unaligned;
    return {
      source: translation.source,
      references,
      hypothesis: translation.text,
      score: translation.score,
      correct: references.includes(translation.text),
      sourceTokens,
      targetTokens,
      alignment: weights,
      heads,
    };
  });
}

/** `experiment.json`: what was run, and where. */
export function writeFacts(
  experiment: Experiment,
  { model }: Prepared,
  device: Device,
  folder: string,
): void {
  const parts = Object.fromEntries(
    model
      .children()
      .map(([name, child]) => [name, 'numParameters' in child ? child.numParameters : child.size]),
  );
  const facts = {
    name: experiment.name,
    config: experiment,
    parameters: { total: model.numParameters, parts },
    device: `${device.name} (${device.describe()})`,
    threads: device.threads(),
    host: { cpu: os.cpus()[0]?.model ?? 'unknown', node: process.version },
    startedAt: new Date().toISOString(),
    heedVersion,
  };
  rmSync(join(folder, 'result.json'), { force: true });
  writeAtomically(join(folder, 'experiment.json'), `${JSON.stringify(facts, null, 2)}\n`);
}
