/** CONTRIBUTING.md is true: its op, applied to a copy of the project, is picked up and passes. */
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { root } from './support/built-package.ts';
import { read } from './support/source-files.ts';

// Inside the project, so that its dependencies are found; build/ is not under version control.
const copy = join(root, 'build', `contributing-${process.pid}`);
const op = 'src/ops/softplus/index.ts';

/** Snippets by the file that stands behind their language. */
function snippets(): Map<string, string> {
  const found = [...read('CONTRIBUTING.md').matchAll(/^```ts (\S+)\n([\s\S]*?)^```$/gm)];
  return new Map(found.map(([, file, text]) => [file!, text!]));
}

interface Report {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly testResults: {
    readonly assertionResults: { readonly title: string; readonly status: string }[];
  }[];
}

function conformance(): Report {
  const vitest = join(root, 'node_modules', 'vitest', 'vitest.mjs');
  const args = [
    'run',
    'tests/conformance.test.ts',
    '-t',
    'softplus',
    '--reporter=json',
    '--outputFile=report.json',
  ];
  spawnSync(process.execPath, [vitest, ...args], { cwd: copy, encoding: 'utf8' });
  return JSON.parse(readFileSync(join(copy, 'report.json'), 'utf8')) as Report;
}

beforeAll(() => {
  for (const name of ['src', 'tests/conformance.test.ts', 'tests/support', 'package.json', 'tsconfig.json']) {
    cpSync(join(root, name), join(copy, name), { recursive: true });
  }
  writeFileSync(join(copy, 'vitest.config.mjs'), 'export default {};\n');
  mkdirSync(join(copy, 'build'));
  const addon = join(root, 'build', 'heed.node');
  if (existsSync(addon)) symlinkSync(addon, join(copy, 'build', 'heed.node'));
  for (const [file, text] of snippets()) {
    const path = join(copy, file);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, existsSync(path) ? `${readFileSync(path, 'utf8')}${text}` : text);
  }
});
afterAll(() => rmSync(copy, { recursive: true, force: true }));

it('an op is one new file and one export line', () => {
  expect([...snippets().keys()]).toEqual([op, 'src/ops/index.ts']);
  expect(snippets().get('src/ops/index.ts')!.trim().split('\n')).toHaveLength(1);
  expect(existsSync(join(root, op))).toBe(false);
});

it('the new op compiles', () => {
  const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
  writeFileSync(
    join(copy, 'tsconfig.op.json'),
    JSON.stringify({ extends: './tsconfig.json', include: [op] }),
  );
  const { status, stdout } = spawnSync(process.execPath, [tsc, '-p', join(copy, 'tsconfig.op.json')], {
    encoding: 'utf8',
  });
  expect(stdout).toBe('');
  expect(status).toBe(0);
});

it('the conformance suite picks it up on every device', () => {
  const { numPassedTests, numFailedTests, testResults } = conformance();
  expect(numFailedTests).toBe(0);
  // has samples, and four samples each: finite differences, and every other device
  expect(numPassedTests).toBeGreaterThanOrEqual(5);
  const titles = testResults.flatMap(({ assertionResults }) =>
    assertionResults.filter(({ status }) => status === 'passed').map(({ title }) => title),
  );
  expect(titles.filter((title) => title.includes('far from 0')).length).toBeGreaterThanOrEqual(1);
});

it('and sees a wrong gradient', () => {
  const path = join(copy, op);
  const right = readFileSync(path, 'utf8');
  const wrong = right.replace('mul(grad, sigmoid(x))', 'mul(grad, x)');
  expect(wrong).not.toBe(right);
  writeFileSync(path, wrong);
  expect(conformance().numFailedTests).toBeGreaterThan(0);
});
