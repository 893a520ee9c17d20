/** `heed inspect`: what is in a model. */

import type { Command } from 'commander';
import { defaultDevice } from '../../core/device.ts';
import { formatShape } from '../../core/shape.ts';
import { Tensor } from '../../core/tensor.ts';
import type { SourceCut } from '../../data/length-policy.ts';
import { buildModel } from '../../models/registry.ts';
import type { Module } from '../../nn/module.ts';
import { findModel, restoreModel } from '../../train/checkpoint.ts';
import { byteSize, wholeNumber } from '../numbers.ts';
import { note, printJson } from '../output.ts';

export function registerInspect(program: Command): void {
  program
    .command('inspect')
    .description('show the module tree, the parameters of each part and facts of a checkpoint')
    .argument('<model>', 'folder of a run or a model')
    .option('--depth <n>', 'levels of the tree that are shown', '3')
    .option('--json', 'print one JSON object')
    .addHelpText('after', '\nExample:\n  $ heed inspect runs/pronounce --depth 2')
    .action(inspect);
}

interface Part {
  readonly path: string;
  readonly kind: string;
  readonly parameters: number;
  readonly shape?: readonly number[];
}

/** Modules and parameters below a module, in order, as deep as asked. */
function partsOf(module: Module, path: string, depth: number): Part[] {
  const own: Part = {
    path: path || '(model)',
    kind: module.constructor.name,
    parameters: module.numParameters,
  };
  if (depth === 0) return [own];
  const below = module.children().flatMap(([name, child]): Part[] => {
    const inner = path ? `${path}.${name}` : name;
    if (!(child instanceof Tensor)) return partsOf(child, inner, depth - 1);
    return [{ path: inner, kind: 'parameter', parameters: child.size, shape: child.shape }];
  });
  return [own, ...below];
}

async function inspect(
  path: string,
  flags: { readonly depth: string; readonly json?: boolean },
): Promise<void> {
  const depth = wholeNumber(flags.depth, '--depth', 0);
  const { checkpoint, damaged } = findModel(path);
  for (const { problem } of damaged) note(`note: ${problem}; showing ${checkpoint.path}`);
  const { model, tokenizers } = restoreModel(checkpoint, defaultDevice().name, buildModel);
  const { facts } = checkpoint;
  const parts = partsOf(model, '', depth);
  const bytes = [...checkpoint.weights.values()].reduce((total, { data }) => total + data.byteLength, 0);
  const summary = {
    path: checkpoint.path,
    kind: facts.model.kind,
    heedVersion: facts.heedVersion,
    parameters: model.numParameters,
    bytes,
    config: facts.model.config,
    tokenizers: {
      source: { kind: tokenizers.source.kind, vocabSize: tokenizers.source.vocabSize },
      target: { kind: tokenizers.target.kind, vocabSize: tokenizers.target.vocabSize },
    },
    ...(tokenizers.cut && { cut: tokenizers.cut }),
    training: facts.training ?? null,
  };
  if (flags.json) return printJson({ ...summary, parts });
  process.stdout.write(`${[...header(summary), ...parts.map(partLine)].join('\n')}\n`);
}

function header(summary: {
  readonly path: string;
  readonly kind: string;
  readonly heedVersion: string;
  readonly parameters: number;
  readonly bytes: number;
  readonly config: object;
  readonly tokenizers: Readonly<Record<string, { readonly kind: string; readonly vocabSize: number }>>;
  readonly cut?: SourceCut;
  readonly training: { readonly step: number; readonly epoch: number; readonly seconds: number } | null;
}): string[] {
  const { training, tokenizers, cut } = summary;
  const settings = Object.entries(summary.config).map(([name, value]) => `${name} ${JSON.stringify(value)}`);
  return [
    `${summary.path}: ${summary.kind}, ${summary.parameters.toLocaleString('en')} parameters, ${byteSize(summary.bytes)}, written by heed ${summary.heedVersion}`,
    `tokenizers: ${Object.entries(tokenizers)
      .map(([side, { kind, vocabSize }]) => `${side} ${kind} (${vocabSize})`)
      .join(', ')}`,
    ...(cut ? [`sources of more than ${cut.maxLength} tokens are cut: ${JSON.stringify(cut.policy)}`] : []),
    `config: ${settings.join(', ')}`,
    ...(training
      ? [`training: step ${training.step}, epoch ${training.epoch}, ${Math.round(training.seconds)} s`]
      : []),
    '',
  ];
}

/** A member of a list, as `layers.0`, is one level of the tree. */
function partLine({ path, kind, parameters, shape }: Part): string {
  const names = path === '(model)' ? [] : path.split(/\.(?!\d)/);
  const label = `${'  '.repeat(names.length)}${names.at(-1) ?? path}`;
  const what = shape ? formatShape(shape) : kind;
  return `${label.padEnd(34)} ${what.padEnd(20)} ${parameters.toLocaleString('en').padStart(12)}`;
}
