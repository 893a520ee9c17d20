import { execFile } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, type TestContext, test } from 'vitest';
import { instantiateKernels } from './kernels.ts';
import { WebAssembly } from './webassembly.ts';

const run = promisify(execFile);
const root = fileURLToPath(new URL('../../../', import.meta.url));
const files = ['heed.wasm', 'heed-relaxed.wasm'];
const kept = (file: string): Buffer => readFileSync(join(root, 'wasm', file));

interface Origin {
  readonly clang: string | null;
  readonly sources: string;
}
const record = JSON.parse(kept('build.json').toString()) as Origin;

let home = '';
beforeAll(() => {
  home = mkdtempSync(join(tmpdir(), 'heed-wasm-test-'));
  for (const part of ['native', 'scripts']) cpSync(join(root, part), join(home, part), { recursive: true });
});
afterAll(() => rmSync(home, { recursive: true, force: true }));

const script = (args: string[] = [], env = process.env) =>
  run(process.execPath, [join(home, 'scripts/build-wasm.mjs'), ...args], { cwd: home, env });

/** The compiler that is here and the hash of the sources in the copy. */
async function origin(): Promise<Origin> {
  return JSON.parse((await script(['--describe'])).stdout) as Origin;
}

/** Skips where the compiler that made the kept files is missing: another one makes other bytes. */
async function needClang(context: TestContext): Promise<void> {
  const { clang } = await origin();
  if (clang === null) context.skip('no clang with wasm-ld');
  if (clang !== record.clang) context.skip(`clang ${clang} here, the kept files are of ${record.clang}`);
}

describe('the kept modules', () => {
  test('were built from these sources: node scripts/build-wasm.mjs', async () => {
    expect((await origin()).sources).toBe(record.sources);
  });

  test('are what the sources compile to, byte for byte', { timeout: 240_000 }, async (context) => {
    await needClang(context);
    await script();
    for (const file of files)
      expect(readFileSync(join(home, 'wasm', file)).equals(kept(file)), file).toBe(true);
  });

  test('a changed kernel is noticed, with and without a compiler', { timeout: 240_000 }, async (context) => {
    const source = join(home, 'native/kernels/elementwise.c');
    const text = readFileSync(source, 'utf8');
    const changed = text.replace('* alpha + beta', '* alpha - beta');
    expect(changed).not.toBe(text);
    writeFileSync(source, changed);
    expect((await origin()).sources).not.toBe(record.sources);
    await needClang(context);
    await script();
    const bytes = readFileSync(join(home, 'wasm/heed.wasm'));
    expect(bytes.equals(kept('heed.wasm'))).toBe(false);
    const { memory, launch } = instantiateKernels(new WebAssembly.Module(bytes));
    const { buffer, byteOffset } = memory.allocate(4);
    const x = new Float32Array(buffer, byteOffset, 1).fill(5);
    launch('scale', { tensors: [x, x], floats: [2, 1], items: 1 });
    expect(x[0]).toBe(9);
  });
});

test('without clang the script says what to install, in one line', async () => {
  await expect(script([], { PATH: '' })).rejects.toMatchObject({
    code: 1,
    stdout: '',
    stderr:
      'heed: build-wasm: no clang with wasm-ld found: install them (Debian: clang-19 lld-19) and run this again\n',
  });
});

test('a kernel that does not compile is named, and the older files stay', async (context) => {
  await needClang(context);
  const before = readFileSync(join(home, 'wasm/heed.wasm'));
  writeFileSync(join(home, 'native/kernels/adam.c'), '#error "no such thing"\n');
  await expect(script()).rejects.toMatchObject({
    code: 1,
    stderr: expect.stringMatching(
      /^heed: build-wasm: native\/kernels\/adam\.c:1:2: error: "no such thing"\n$/,
    ),
  });
  expect(readFileSync(join(home, 'wasm/heed.wasm')).equals(before)).toBe(true);
});
