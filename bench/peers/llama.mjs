/** llama.cpp on a GPT-2 of random weights: PROGRAM TYPE THREADS ROUNDS FOLDER; a prompt of 512 tokens, then 64. */
import { join } from 'node:path';
import { getLlama } from 'node-llama-cpp';
import { ggufFile } from './gguf.mjs';
import { measureGpt2, NEW_TOKENS, PROMPT, prompt, writeOnce } from './gpt2.mjs';
import { versionOf } from './report.mjs';

const [type, threadText, roundText, folder] = process.argv.slice(2);
const threads = Number(threadText);
const modelPath = join(folder, `gpt2-${type}.gguf`);
writeOnce(modelPath, () => ggufFile(type));

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

const facts = {
  variant: type,
  precision: { f32: 'fp32', q8_0: 'int8', q4_0: 'int4' }[type],
  threads,
  version: `node-llama-cpp ${versionOf('node-llama-cpp')}`,
};
await measureGpt2(facts, Number(roundText), round);
