/** What a run leaves behind for people: what was run, how good it is, samples. */
import { rmSync } from 'node:fs';
import os from 'node:os';
import { join } from 'node:path';
import type { Device } from '../core/device.ts';
import type { Module } from '../nn/module.ts';
import { heedVersion } from '../version.ts';
import { writeAtomically } from './atomic.ts';
import type { Experiment } from './config/schema.ts';

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

/** Test scores by metric, and the samples. */
export interface TestResult {
  readonly metrics: Readonly<Record<string, number>>;
  readonly samples: readonly SampleRecord[];
}

/** As many as `count` of a list, spread evenly over it. */
export function pickEvenly<T>(list: readonly T[], count: number): T[] {
  const step = Math.max(1, Math.floor(list.length / Math.max(1, count)));
  return list.filter((_, i) => i % step === 0).slice(0, count);
}

/** Writes samples and scores into the run folder. */
export function writeResults(
  { published }: Experiment,
  { metrics, samples }: TestResult,
  summary: { readonly folder: string; readonly steps: number; readonly seconds: number },
): void {
  const { folder, steps, seconds } = summary;
  writeAtomically(join(folder, 'samples.json'), `${JSON.stringify(samples)}\n`);
  const result = { seconds, steps, metrics, published };
  writeAtomically(join(folder, 'result.json'), `${JSON.stringify(result, null, 2)}\n`);
}

/** `experiment.json`: what was run, and where. */
export function writeFacts(experiment: Experiment, model: Module, device: Device, folder: string): void {
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
