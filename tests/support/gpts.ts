/** Tiny decoder-only models for tests, and the weights of published ones. */
import { readFileSync } from 'node:fs';
import type { TestContext } from 'vitest';
import {
  Gpt,
  type GptConfig,
  noGrad,
  Random,
  readSafetensors,
  type StoredTensor,
  scope,
} from '../../src/index.ts';
import { disturb } from './models.ts';
import { idTensor } from './numbers.ts';
import { needData } from './shared-data.ts';

const tiny = {
  ...{ vocabSize: 9, maxSeqLen: 16, dModel: 8, dFf: 10, numLayers: 2, numHeads: 2 },
  ...{ dropout: 0, attentionDropout: 0 },
} as const;

/** A model whose every parameter is drawn, biases and gains too. */
export function tinyGpt(config: Partial<GptConfig> = {}, device = 'reference', seed = 3): Gpt {
  return disturb(new Gpt({ ...tiny, ...config }, { random: new Random(seed, 'init'), device }), seed);
}

/** What makes a GPT a LLaMA (Touvron et al. 2023), with a key head for two query heads. */
export const llamaLike = {
  ...{ position: { kind: 'rope', layout: 'halves' }, norm: 'rms', feedForward: 'swiglu', bias: false },
  ...{ attention: { kind: 'multi-head', numKvHeads: 1 }, tieEmbeddings: false },
} as const satisfies Partial<GptConfig>;

export function tinyLlama(device = 'reference'): Gpt {
  return tinyGpt(llamaLike, device);
}

/** Logits `[B, T, V]` as numbers. */
export function gptLogits(model: Gpt, ids: readonly (readonly number[])[]): Float64Array {
  const device = model.embedding.weight.device.name;
  return noGrad(() => scope(() => Float64Array.from(model.forward(idTensor(ids, device)).data)));
}

/** Continues each text by its likeliest tokens, one at a time, with caches. */
export function gptGreedy(model: Gpt, prompts: readonly (readonly number[])[], length: number): number[][] {
  const device = model.embedding.weight.device.name;
  const texts = prompts.map((prompt) => [...prompt]);
  const cache = model.startDecoding(texts.length, length);
  noGrad(() => {
    for (let fresh = texts.map((text) => [...text]); texts[0]!.length < length; ) {
      const logits = scope(() => model.step(idTensor(fresh, device), cache));
      const width = logits.shape[1]!;
      fresh = texts.map((text, row) => {
        const values = Array.from(logits.data.subarray(row * width, (row + 1) * width));
        text.push(values.indexOf(Math.max(...values)));
        return [text.at(-1)!];
      });
      logits.dispose();
    }
  });
  cache.dispose();
  return texts;
}

const sublayers: Readonly<Record<string, string>> = {
  'selfAttention.queryKeyValue': 'attn.c_attn',
  'selfAttention.output': 'attn.c_proj',
  'selfAttentionResidual.norm': 'ln_1',
  'feedForward.inner': 'mlp.c_fc',
  'feedForward.outer': 'mlp.c_proj',
  'feedForwardResidual.norm': 'ln_2',
  embedding: 'wte',
  position: 'wpe',
  norm: 'ln_f',
};

/** GPT-2's published name of one of our parameters. */
export function gpt2Name(path: string): string {
  if (path === 'projection.weight') return 'lm_head.weight';
  const [, layer = '', part, kind] = /^(?:layers\.(\d+)\.)?(.*)\.(weight|bias)$/.exec(path)!;
  return `transformer.${layer && `h.${layer}.`}${sublayers[part!]}.${kind}`;
}

function transposed({ shape, dtype, data }: StoredTensor): StoredTensor {
  const [rows, columns] = shape as [number, number];
  const turned = Float32Array.from(data, (_, i) => data[(i % rows) * columns + Math.floor(i / rows)]!);
  return { shape: [columns, rows], dtype, data: turned };
}

/**
 * Loads tensors under GPT-2's names into a model.
 *
 * @param inOut - linear weights are stored `[in, out]`, as GPT-2's are
 */
export function loadGpt2(model: Gpt, stored: (name: string) => StoredTensor, inOut: boolean): Gpt {
  const state = model.namedParameters().map(([path]): [string, StoredTensor] => {
    const tensor = stored(gpt2Name(path));
    return [path, inOut && /\.c_\w+\.weight$/.test(gpt2Name(path)) ? transposed(tensor) : tensor];
  });
  model.loadStateDict(new Map(state));
  return model.eval();
}

/** A checkpoint folder with GPT-2's names; skips the test where it is absent. */
export function needGpt2(context: TestContext, folder: string, device: string): Gpt {
  const text = readFileSync(needData(context, `${folder}/config.json`), 'utf8');
  const config = JSON.parse(text) as Record<string, number>;
  const file = needData(context, `${folder}/model.safetensors`);
  const { tensors } = readSafetensors(new Uint8Array(readFileSync(file)), file);
  const model = new Gpt(
    {
      ...{ vocabSize: config.vocab_size!, maxSeqLen: config.n_positions!, dModel: config.n_embd! },
      ...{ numLayers: config.n_layer!, numHeads: config.n_head!, normEps: config.layer_norm_epsilon! },
      dropout: 0,
      attentionDropout: 0,
    },
    { random: new Random(1, 'init'), device },
  );
  return loadGpt2(model, (name) => tensors.get(name) ?? tensors.get(name.replace('transformer.', ''))!, true);
}
