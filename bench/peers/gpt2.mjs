/** What the GPT-2 of llama.cpp and of ONNX Runtime share: its size, random weights, a file written once, times. */
import { closeSync, existsSync, mkdirSync, openSync, renameSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { report } from './report.mjs';

export const gpt2Size = { layers: 12, width: 768, heads: 12, vocab: 50257, context: 1024 };
export const PROMPT = 512;
export const NEW_TOKENS = 64;

/** Ids of the prompt. */
export const prompt = Array.from({ length: PROMPT }, (_, i) => (i * 37) % 50_000);

let state = 1;

/** 32 bits of no statistical worth, fast: speed does not depend on what the weights say. */
const randomBits = () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0);

/** Small weights around a centre, which is 1 for the factors of norms. */
export function fillRandom(values, centre = 0, spread = 0.07) {
  for (let i = 0; i < values.length; i++) values[i] = centre + (randomBits() / 2 ** 32 - 0.5) * spread;
}

/** Digits of quantised weights. */
export function fillRandomBytes(bytes) {
  for (let i = 0; i < bytes.length; i++) bytes[i] = randomBits() >>> 24;
}

/** Writes the buffers that `make` gives, unless the file is there. */
export function writeOnce(path, make) {
  if (existsSync(path)) return;
  mkdirSync(dirname(path), { recursive: true });
  const fresh = `${path}.${process.pid}`;
  const file = openSync(fresh, 'w');
  for (const part of make()) writeSync(file, part);
  closeSync(file);
  renameSync(fresh, path);
}

const median = (values) => values.sort((a, b) => a - b)[values.length >> 1];

/**
 * Measures rounds after one that is not counted and prints the JSON line.
 *
 * @param facts - what the line says besides
 * @param round - gives milliseconds: of the prompt, and of each new token
 */
export async function measureGpt2(facts, rounds, round) {
  await round();
  const done = [];
  for (let i = 0; i < rounds; i++) done.push(await round());
  report({
    ...facts,
    prefillTokensPerSecond: (1000 * PROMPT) / median(done.map(({ prefill }) => prefill)),
    decodeTokensPerSecond: 1000 / median(done.flatMap(({ tokens }) => tokens)),
  });
}
