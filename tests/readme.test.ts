/** README.md is true: its experiment trains, its commands run, its programs print what they say. */
import { spawn } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import YAML from 'yaml';
import { validateExperiment } from '../src/train/config/validate.ts';
import { builtPackage, root } from './support/built-package.ts';
import { heed, linesOf, outcomeOf } from './support/heed-binary.ts';
import { read } from './support/source-files.ts';
import { removeProject, tinyProject } from './support/tiny-project.ts';

const readme = read('README.md');

/** The texts of its code blocks of a language. */
function blocks(language: string): string[] {
  const all = readme.matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm);
  return [...all].flatMap(([, name, text]) => (name === language ? [text!] : []));
}

interface Command {
  readonly input: string;
  readonly args: readonly string[];
}

/** `echo hello | npx heed translate runs/x  # comment` */
function commandOf(line: string): Command {
  const [, said, rest] = /^(?:echo (\S+) \| )?npx heed (.*?)(?:\s+#.*)?$/.exec(line)!;
  return { input: said ? `${said}\n` : '', args: rest!.split(' ') };
}

const lines = blocks('').flatMap((block) => block.split('\n').filter((line) => line.includes('npx heed ')));
const [experiment, mechanisms] = blocks('yaml') as [string, string];

describe('its experiment and its commands', () => {
  let cwd: string;
  beforeAll(() => {
    cwd = tinyProject();
    writeFileSync(join(cwd, 'my-experiment.yaml'), experiment);
    for (const name of ['out.txt', 'ref.txt']) writeFileSync(join(cwd, name), 'a b c d\n');
  });
  afterAll(() => removeProject(cwd));

  it.each(lines)('%s', async (line) => {
    const { input, args } = commandOf(line);
    const shorter = args[0] === 'train' ? ['--set', 'training.maxSteps=4', '--set', 'model.dModel=16'] : [];
    const { code, stdout, stderr } = await heed([...args, ...shorter], { cwd, input });
    expect({ code, stderr: code === 0 ? '' : stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout + stderr).not.toBe('');
  });
});

it('its mechanisms go together', () => {
  const base = YAML.parse(experiment) as { model: object };
  const { model } = YAML.parse(mechanisms) as { model: object };
  expect(() => validateExperiment({ ...base, model: { ...base.model, ...model } })).not.toThrow();
});

describe('the options in its table of commands', () => {
  const rows = [...readme.matchAll(/^\| `heed (\w+)[^`]*`\s*\|(.*)\|$/gm)];
  it.each(rows.map(([, name, text]) => [name!, [...text!.matchAll(/`(--[a-z-]+)/g)].map(([, o]) => o!)]))(
    'heed %s knows %j',
    async (name, options) => {
      const { code, stdout } = await heed([name, '--help'], { cwd: root });
      expect(code).toBe(0);
      for (const option of options) expect(stdout).toContain(option);
    },
  );
});

describe('its programs', () => {
  let place: string;
  let cwd: string;
  beforeAll(async () => {
    // Inside the package, so that `heed` means the package itself.
    place = join(builtPackage(), `readme-${process.pid}`);
    mkdirSync(place, { recursive: true });
    cwd = tinyProject();
    const run = ['train', 'tiny.yaml', '--out', 'runs/pronounce'];
    expect((await heed(run, { cwd })).code).toBe(0);
  });
  afterAll(() => {
    rmSync(place, { recursive: true, force: true });
    removeProject(cwd);
  });

  async function run(program: string): Promise<string[]> {
    const options = { target: ts.ScriptTarget.ES2023, module: ts.ModuleKind.ESNext };
    const { outputText } = ts.transpileModule(program, { compilerOptions: options });
    const file = join(place, 'program.mjs');
    writeFileSync(file, outputText);
    const { code, stdout, stderr } = await outcomeOf(spawn(process.execPath, [file], { cwd }));
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    return linesOf(stdout);
  }

  it('loads a model and translates', async () => {
    const [program] = blocks('ts') as [string];
    const [first] = await run(program.replace("'attention'", "'abc'"));
    expect(first).toMatch(/^\S* ?-\d/);
  });

  it('trains and looks inside', async () => {
    const [, program] = blocks('ts') as [string, string];
    const ids = (values: string) => `tensor(${values}, [1, 3], { dtype: 'int32' })`;
    const before = `import { tensor } from 'heed';
      const [source, target, labels] = [${ids('[4, 5, 6]')}, ${ids('[1, 7, 8]')}, ${ids('[7, 8, 2]')}];\n`;
    const after =
      "\nconsole.log(loss); for (const [name, x] of tensors) console.log(name, x.shape.join(' '));";
    const [loss, ...weights] = await run(`${before}${program}${after}`);
    expect(Number(loss)).toBeGreaterThan(0);
    expect(weights).toEqual(
      Array.from({ length: 6 }, (_, layer) => `decoder.layers.${layer}.crossAttention.weights 1 4 3 3`),
    );
  });
});
