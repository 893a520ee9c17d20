/** What the matrix products of the JavaScript peers share: operands, a check and times. */
import { report, versionOf } from './report.mjs';

/**
 * Measures `multiply`, which must wait for its numbers: PROGRAM M N K ROUNDS.
 *
 * @param packageName - whose version is printed
 * @param start - gets m, n, k and the operands, row-major, and gives an async function that multiplies them
 */
export async function measureMatmul(packageName, start) {
  const [m, n, k, rounds] = process.argv.slice(2).map(Number);
  const operand = (length, step) => Float32Array.from({ length }, (_, i) => ((i * step) % 1000) / 1000 - 0.5);
  const [a, b] = [operand(m * k, 7919), operand(k * n, 7907)];
  const multiply = await start(m, n, k, a, b);
  expectProduct(await multiply(), a, b, n, k);
  for (let round = 1; round < rounds; round++) await multiply(); // as many as are measured, to warm up
  const seconds = [];
  for (let round = 0; round < rounds; round++) {
    const begin = performance.now();
    await multiply();
    seconds.push((performance.now() - begin) / 1000);
  }
  seconds.sort((x, y) => x - y);
  const rate = (time) => (2 * m * n * k) / time / 1e9;
  const line = { m, n, k, threads: 1, gflops: rate(seconds[0]), medianGflops: rate(seconds[rounds >> 1]) };
  report({ ...line, version: versionOf(packageName) });
}

function expectProduct(values, a, b, n, k) {
  let want = 0;
  for (let p = 0; p < k; p++) want += a[2 * k + p] * b[p * n + 3];
  if (!(Math.abs(values[2 * n + 3] - want) < 1e-3))
    throw new Error(`wrong product: ${values[2 * n + 3]}, not ${want}`);
}
