/**
 * The claim: heed's recurrent layers run at least as fast as PyTorch's, forward and backward, on as many threads, in turns.
 *
 *   node bench/recurrent.mjs [PATH-OF-PYTHON-WITH-TORCH] [THREADS]
 *
 * Prints tokens per second of the fastest repeat of all rounds, and the ratio.
 */
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import {
  backward,
  full,
  getDevice,
  noGrad,
  Random,
  Recurrent,
  Sequences,
  scope,
  tensor,
} from '../dist/index.js';

const python = process.argv[2] ?? 'python3';
const threads = Number(process.argv[3] ?? 2);
const [rounds, repeats] = [5, 6];
const works = ['elman', 'lstm', 'gru'].flatMap((cell) =>
  [
    { batch: 64, length: 32, width: 256, layers: 1 },
    { batch: 32, length: 64, width: 128, layers: 2 },
    { batch: 1, length: 256, width: 256, layers: 1 },
  ].map((sizes) => ({ cell, ...sizes, repeats })),
);

const device = getDevice('native');
device.setThreads(threads);

const child = spawn(python, [fileURLToPath(new URL('peers/torch_recurrent.py', import.meta.url))], {
  env: { ...process.env, OMP_WAIT_POLICY: 'passive', GOMP_SPINCOUNT: '0', THREADS: String(threads) },
  stdio: ['pipe', 'pipe', 'inherit'],
});
const answers = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
async function torch(work) {
  child.stdin.write(`${JSON.stringify(work)}\n`);
  const { value, done } = await answers.next();
  if (done) throw new Error('PyTorch did not answer');
  return JSON.parse(value);
}

function heed({ cell, batch, length, width, layers }) {
  const random = new Random(0, 'bench');
  const model = new Recurrent({ cell, inputWidth: width, width, numLayers: layers }, { random, device });
  const values = Float64Array.from({ length: batch * length * width }, () => random.normal());
  const x = tensor(values, [batch, length, width], { device, requiresGrad: true });
  const sequences = Sequences.padded(new Array(batch).fill(length), length, device);
  const forward = () => model.forward(x, sequences).output;
  return [
    () => noGrad(() => scope(() => void forward())),
    () =>
      scope(() => {
        const output = forward();
        backward(output, { grad: full(output.shape, 1, { device }) });
        model.zeroGrad();
        x.grad.dispose();
        x.grad = undefined;
      }),
  ];
}

function fastest(body) {
  let least = Number.POSITIVE_INFINITY;
  for (let i = 0; i < repeats; i++) {
    const start = performance.now();
    body();
    least = Math.min(least, (performance.now() - start) / 1000);
  }
  return least;
}

for (const work of works) {
  const bodies = heed(work);
  const [own, other] = [[], []];
  for (let round = 0; round < rounds; round++) {
    own.push(bodies.map(fastest));
    other.push(await torch(work));
  }
  const tokens = work.batch * work.length;
  const rate = (times, part) => tokens / Math.min(...times.map((pair) => pair[part]));
  const line = ['forward', 'forward and backward'].map((what, part) => {
    const [a, b] = [rate(own, part), rate(other, part)];
    return `${what} ${a.toFixed(0)} and ${b.toFixed(0)} tokens/s, ${(a / b).toFixed(2)}×`;
  });
  const { cell, batch, length, width, layers } = work;
  console.log(`${cell} ${batch}×${length}, width ${width}, ${layers} layers: ${line.join('; ')}`);
}
child.stdin.end();
