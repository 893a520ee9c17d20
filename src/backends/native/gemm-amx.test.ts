/** The AMX engine on a machine without AMX: its tiles in plain C, everything around them as it is. */
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { needBinding, noise } from '../../../tests/support/native-kernels.ts';
import type { NativeBinding } from './binding.ts';

const root = fileURLToPath(new URL('../../../', import.meta.url));
let home = '';
let emulated: NativeBinding | undefined;

beforeAll(() => {
  home = mkdtempSync(join(tmpdir(), 'heed-amx-'));
  for (const part of ['native', 'scripts/build-native.mjs', 'node_modules/node-api-headers'])
    cpSync(join(root, part), join(home, part), { recursive: true, dereference: true });
  execFileSync(process.execPath, [join(home, 'scripts/build-native.mjs')], {
    env: { ...process.env, CFLAGS: '-DHEED_EMULATE_AMX' },
    stdio: 'pipe',
  });
  const addon = join(home, 'build/heed.node');
  if (existsSync(addon)) emulated = createRequire(import.meta.url)(addon) as NativeBinding;
}, 300_000);
afterAll(() => rmSync(home, { recursive: true, force: true }));

/** The number with the low half of its bits cut off: one that bf16 has. */
const short = (x: number): number => {
  const word = new Uint32Array(Float32Array.of(x).buffer);
  word[0]! &= 0xffff0000;
  return new Float32Array(word.buffer)[0]!;
};

for (const { M, N, K, transA = 0, transB = 0, accumulate = 0, bias = true } of [
  { M: 128, N: 96, K: 160 },
  { M: 101, N: 97, K: 99, transB: 1 },
  { M: 133, N: 129, K: 1057, transA: 1, accumulate: 1 },
  { M: 101, N: 161, K: 65, transA: 1, transB: 1, bias: false },
]) {
  test(`${M} x ${N} x ${K}, transposed ${transA} ${transB}, accumulate ${accumulate}`, (context) => {
    needBinding(context);
    if (emulated?.bf16() !== 'amx') context.skip('no compiler, or no AVX-512 BF16 on this CPU');
    const binding = emulated!;
    const [A, B, row, C] = [M * K, K * N, N, M * N].map((n, seed) => noise(n, seed + 1).map(short));
    const inner = (
      a: Float32Array,
      at: (k: number) => number,
      b: Float32Array,
      from: (k: number) => number,
    ) => {
      let sum = 0;
      for (let k = 0; k < K; k++) sum += a[at(k)]! * b[from(k)]!;
      return sum;
    };
    const want = Float64Array.from({ length: M * N }, (_, n) => {
      const [i, j] = [Math.floor(n / N), n % N];
      const start = accumulate ? C![n]! : bias ? row![j]! : 0;
      return (
        start +
        inner(
          A!,
          (k) => (transA ? k * M + i : i * K + k),
          B!,
          (k) => (transB ? j * K + k : k * N + j),
        )
      );
    });
    const addresses = [C!, A!, B!, bias ? row! : null].map((array) => (array ? binding.address(array) : 0));
    const ints = [transA, transB, M, N, K, transA ? M : K, transB ? K : N, N, accumulate, 1, 0, 0, 0, 0, 0];
    binding.args.set([1, 1, addresses.length, ints.length, 0, ...addresses, ...ints]);
    binding.launch(binding.kernelNames.indexOf('gemm_bf16'));
    for (let n = 0; n < want.length; n++)
      expect(Math.abs(C![n]! - want[n]!), `element ${n}`).toBeLessThan(3e-7 * (4 + K));
  });
}
