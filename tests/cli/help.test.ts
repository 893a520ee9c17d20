/** What a stranger sees first. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { root } from '../support/built-package.ts';
import { expectMistake, heed } from '../support/heed-binary.ts';

const cwd = root;
const commands = [
  ...[
    'train',
    'translate',
    'generate',
    'tag',
    'fill',
    'evaluate',
    'distill',
    'score',
    'compare',
    'quantize',
    'inspect',
    'report',
  ],
  ...['bench', 'quickstart'],
  ...['tokenizer', 'tokenizer train', 'tokenizer encode', 'tokenizer decode', 'tokenizer report'],
];

it('lists every command', async () => {
  const { code, stdout, stderr } = await heed(['--help'], { cwd });
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  const listed = [...stdout.split('Commands:')[1]!.matchAll(/^ {2}([a-z]+)/gm)].map(([, name]) => name);
  expect(new Set(listed)).toEqual(new Set([...commands.map((name) => name.split(' ')[0]), 'help']));
});

it.each(commands)('%s --help has an example that begins with the command', async (name) => {
  const { code, stdout, stderr } = await heed([...name.split(' '), '--help'], { cwd });
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(stdout).toContain(`Usage: heed ${name}`);
  expect(stdout.split(/Examples?:/)[1] ?? '').toContain(`heed ${name}`);
});

it('says its version, which is that of the package', async () => {
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
  for (const flag of ['--version', '-V']) {
    expect(await heed([flag], { cwd })).toEqual({ code: 0, stdout: `${version}\n`, stderr: '' });
  }
});

it.each([[[]], [['tokenizer']]])('%j alone prints the help, and is not success', async (args) => {
  const { code, stdout, stderr } = await heed(args, { cwd });
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  expect(stderr).toMatch(/^Usage: heed/);
  expect(stderr).not.toContain('outputHelp');
});

it.each([
  [['trian'], /unknown command 'trian'.*Did you mean train\?.*heed --help/],
  [['tokenizer', 'trian'], /unknown command 'trian'.*heed tokenizer --help/],
  [['--bogus'], /unknown option '--bogus'/],
  [['train'], /missing required argument 'config'; hint: heed train --help/],
  [['train', 'a.yaml', 'b.yaml'], /too many arguments.*heed train --help/],
  [['train', 'a.yaml', '--outt', 'x'], /unknown option '--outt'.*Did you mean --out\?/],
  [['train', 'a.yaml', '--set'], /'--set <a.b=value>' argument missing/],
  [['evaluate', 'm', '--source', 's'], /^--source: expected --target beside it, got none/],
  [['tokenizer', 'train', '--kind', 'char'], /not specified.*heed tokenizer train --help/],
] as const)('%j is one line', async (args, message) => {
  expect(expectMistake(await heed(args, { cwd }))).toMatch(message);
});
