/** llama.cpp on a GPT-2 of random weights: PROGRAM TYPE THREADS ROUNDS FOLDER; a prompt of 512 tokens, then 64. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { getLlama } from 'node-llama-cpp';
import { writeGguf } from './gguf.mjs';
import { packagePath } from './matmul.mjs';

const PROMPT = 512;
const NEW_TOKENS = 64;

const [type, threadText, roundText, folder] = process.argv.slice(2);
const [threads, rounds] = [Number(threadText), Number(roundText)];
const modelPath = join(folder, `gpt2-${type}.gguf`);
writeGguf(modelPath, type);

const llama = await getLlama({
  gpu: false,
  build: 'never',
  skipDownload: true,
  progressLogs: false,
  maxThreads: threads,
});
const model = await llama.loadModel({ modelPath });
const context = await model.createContext({
  contextSize: PROMPT + NEW_TOKENS + 8,
  threads,
  batchSize: PROMPT,
});
const sequence = context.getSequence();
const prompt = Array.from({ length: PROMPT }, (_, i) => (i * 37) % 50_000);

/** Milliseconds of the prompt, then of each new token. */
async function round() {
  await sequence.clearHistory();
  const start = performance.now();
  await sequence.evaluateWithoutGeneratingNewTokens(prompt);
  const prefill = performance.now() - start;
  const tokens = [];
  let last = performance.now();
  for await (const _ of sequence.evaluate([5], { temperature: 0, yieldEogToken: true })) {
    const now = performance.now();
    tokens.push(now - last);
    last = now;
    if (tokens.length >= NEW_TOKENS) break;
  }
  return { prefill, tokens };
}

const median = (values) => values.sort((a, b) => a - b)[values.length >> 1];
await round();
const done = [];
for (let i = 0; i < rounds; i++) done.push(await round());
const { version } = JSON.parse(readFileSync(join(packagePath('node-llama-cpp'), 'package.json'), 'utf8'));
const line = {
  variant: type,
  precision: { f32: 'fp32', q8_0: 'int8', q4_0: 'int4' }[type],
  threads,
  prefillTokensPerSecond: (1000 * PROMPT) / median(done.map(({ prefill }) => prefill)),
  decodeTokensPerSecond: 1000 / median(done.flatMap(({ tokens }) => tokens)),
  version: `node-llama-cpp ${version}`,
};
process.stdout.write(`${JSON.stringify(line)}\n`, () => process.exit(0));
