/**
 * The claim: heed's WebAssembly matrix product on one thread is at least 1.2 times as fast as TensorFlow.js WASM and
 * jax-js, all in one process and in turns.
 *
 * jax-js does not start on Node 20. In a folder outside the repository:
 *   npm install @tensorflow/tfjs-core @tensorflow/tfjs-backend-wasm @jax-js/jax node@22
 *   node_modules/.bin/node PATH-OF-HEED/bench/wasm-gemm.mjs . 1024
 */
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { instantiateKernels } from '../dist/backends/wasm/kernels.js';
import { canRun, readBuild } from '../dist/backends/wasm/load.js';

const peers = resolve(process.argv[2] ?? '.');
const n = Number(process.argv[3] ?? 1024);
const rounds = 15;

const a = Float32Array.from({ length: n * n }, (_, i) => ((i * 7919) % 1000) / 1000 - 0.5);
const b = a.toReversed();

/** A function that multiplies and waits for the numbers. */
function heed(build) {
  const bytes = readBuild(build);
  if (!canRun(bytes, build)) throw new Error(`this runtime does not run the ${build} build`);
  const { memory, launch } = instantiateKernels(new WebAssembly.Module(bytes));
  const matrix = (values) => {
    const { buffer, byteOffset } = memory.allocate(4 * n * n);
    const array = new Float32Array(buffer, byteOffset, n * n);
    if (values) array.set(values);
    return array;
  };
  const tensors = [matrix(), matrix(a), matrix(b), null];
  const ints = [0, 0, n, n, n, n, n, n, 0, 1, 0, 0, 0];
  return async () => {
    launch('gemm', { tensors, ints, items: 1 });
    return tensors[0];
  };
}

async function tensorflow() {
  const require = createRequire(join(peers, 'package.json'));
  const tf = require('@tensorflow/tfjs-core');
  const { setThreadsCount, setWasmPaths } = require('@tensorflow/tfjs-backend-wasm');
  setWasmPaths(join(peers, 'node_modules/@tensorflow/tfjs-backend-wasm/dist/'));
  setThreadsCount(1);
  await tf.setBackend('wasm');
  const [x, y] = [tf.tensor2d(a, [n, n]), tf.tensor2d(b, [n, n])];
  return async () => {
    const z = tf.matMul(x, y);
    const values = z.dataSync();
    z.dispose();
    return values;
  };
}

async function jaxJs() {
  const { defaultDevice, init, numpy } = await import(
    pathToFileURL(join(peers, 'node_modules/@jax-js/jax/dist/index.js')).href
  );
  await init('wasm');
  defaultDevice('wasm');
  const [x, y] = [a, b].map((values) => numpy.array(values, { shape: [n, n] }));
  return () => numpy.matmul(x.ref, y.ref).data();
}

function expectProduct(name, values) {
  const [i, j] = [5 % n, 7 % n];
  let want = 0;
  for (let k = 0; k < n; k++) want += a[i * n + k] * b[k * n + j];
  if (!(Math.abs(values[i * n + j] - want) < 1e-3)) throw new Error(`${name}: wrong product`);
}

const programs = {
  'heed, plain SIMD': heed('plain'),
  'heed, relaxed SIMD': heed('relaxed'),
  'TensorFlow.js WASM': await tensorflow(),
  'jax-js': await jaxJs(),
};
const speeds = new Map(Object.keys(programs).map((name) => [name, []]));
for (const [name, multiply] of Object.entries(programs)) expectProduct(name, await multiply());
for (let round = 0; round < rounds; round++) {
  for (const [name, multiply] of Object.entries(programs)) {
    await multiply(); // whatever ran before has taken the caches
    const start = performance.now();
    await multiply();
    speeds.get(name).push((2 * n ** 3) / (performance.now() - start) / 1e6);
  }
}
for (const [name, values] of speeds) {
  values.sort((x, y) => x - y);
  const [median, best] = [values[rounds >> 1], values.at(-1)].map((value) => value.toFixed(1));
  console.log(`${name.padEnd(20)} ${median} GFLOP/s (best ${best})`);
}
process.exit(0); // jax-js keeps the process alive
