/** ONNX Runtime on a GPT-2 of random weights: PROGRAM PRECISION THREADS ROUNDS FOLDER; a prompt of 512 tokens, then 64. */
import { join } from 'node:path';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { gpt2Size, measureGpt2, NEW_TOKENS, PROMPT, prompt, writeOnce } from './gpt2.mjs';
import { cacheNames, gpt2Model } from './onnx-gpt2.mjs';
import { versionOf } from './report.mjs';

const [precision, threadText, roundText, folder] = process.argv.slice(2);
const threads = Number(threadText);
const path = join(folder, `gpt2-${precision}.onnx`);
writeOnce(path, () => gpt2Model(gpt2Size, precision));
const session = await InferenceSession.create(path, {
  intraOpNumThreads: threads,
  executionProviders: ['cpu'],
  // Threads that spin longer gain nothing on an idle machine, and where anything else runs less than half is left.
  extra: { session: { intra_op: { spin_duration_us: '50' } } },
});

const { layers, heads, width } = gpt2Size;
const cacheShape = [1, heads, PROMPT + NEW_TOKENS, width / heads];
const cacheSize = cacheShape.reduce((a, b) => a * b);
const caches = cacheNames(layers).map((names) => {
  return { ...names, tensor: new Tensor('float32', new Float32Array(cacheSize), cacheShape) };
});
const pasts = Object.fromEntries(caches.map(({ past, tensor }) => [past, tensor]));
const presents = Object.fromEntries(caches.map(({ present, tensor }) => [present, tensor]));
const news = Object.fromEntries(caches.map(({ parts }) => [parts, null]));

/** Writes a token's keys and values into the caches, a head at a time. */
function keep(results, position) {
  const depth = width / heads;
  for (const { tensor, parts, third } of caches) {
    const { data } = results[parts];
    for (let head = 0; head < heads; head++) {
      const from = third * width + head * depth;
      tensor.data.set(data.subarray(from, from + depth), (head * (PROMPT + NEW_TOKENS) + position) * depth);
    }
  }
}

/** The token after `ids`, which stand at `start` and after it. */
async function nextOf(ids, start) {
  const positions = BigInt64Array.from(ids, (_, i) => BigInt(start + i));
  const total = start + ids.length;
  const feeds = {
    ids: new Tensor('int64', ids, [1, ids.length]),
    positions: new Tensor('int64', positions, [ids.length]),
    last: new Tensor('int32', Int32Array.of(total - 1), [1]),
    total: new Tensor('int32', Int32Array.of(total), [1]),
    ...pasts,
  };
  // A prompt is written into the caches in place. But the binding copies whatever it returns, 42 MB of them: of a
  // token it returns what is new.
  if (ids.length > 1) return (await session.run(feeds, { next: null, ...presents })).next.data;
  const results = await session.run(feeds, { next: null, ...news });
  keep(results, start);
  return results.next.data;
}

async function round() {
  const timed = async (ids, start) => {
    const begin = performance.now();
    const next = await nextOf(ids, start);
    return { next, milliseconds: performance.now() - begin };
  };
  const read = await timed(BigInt64Array.from(prompt, BigInt), 0);
  const tokens = [];
  for (let { next } = read; tokens.length < NEW_TOKENS; ) {
    const step = await timed(next, PROMPT + tokens.length);
    tokens.push(step.milliseconds);
    next = step.next;
  }
  return { prefill: read.milliseconds, tokens };
}

const facts = { variant: precision, precision, threads, version: versionOf('onnxruntime-node') };
await measureGpt2(facts, Number(roundText), round);
