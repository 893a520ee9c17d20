/** The decoder-only model against PyTorch, against other people's checkpoints, and against itself. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import {
  backward,
  capture,
  crossEntropy,
  full,
  Gpt,
  type GptConfig,
  noGrad,
  Random,
  type StoredTensor,
  scope,
  type Tensor,
} from '../src/index.ts';
import { gptFutureChangesNothing, gptStepsEqualForward } from './support/checks/gpt.ts';
import { itOnEachDevice, needDevice } from './support/devices.ts';
import { gpt2Name, gptGreedy, gptLogits, loadGpt2, needGpt2, tinyGpt } from './support/gpts.ts';
import { expectNear, gradientOf, idTensor, norm, rowOf } from './support/numbers.ts';
import { needData, needJson } from './support/shared-data.ts';
import { needOracle } from './support/stored-oracle.ts';

interface TorchCase {
  readonly config: GptConfig;
  readonly logits: readonly number[];
  readonly loss: number;
  readonly gradients: Readonly<Record<string, readonly number[]>>;
}

interface TorchFile {
  readonly ids: number[][];
  readonly labels: number[][];
  readonly cases: readonly TorchCase[];
}

const [gpt2, variants] = ['gpt-torch', 'gpt-variants-torch'].map(
  (name) => JSON.parse(readFileSync(new URL(`fixtures/${name}.json`, import.meta.url), 'utf8')) as TorchFile,
);
const torch = { ...gpt2!, cases: [...gpt2!.cases, ...variants!.cases] };

/** Parameters by the rule that the fixture's description gives. */
function ruledModel({ config, gradients }: TorchCase, device: string): Gpt {
  const model = new Gpt(
    { ...config, dropout: 0, attentionDropout: 0 },
    { random: new Random(1, 'init'), device },
  );
  const parameters = model.stateDict();
  expect([...parameters.keys()].toSorted()).toEqual(Object.keys(gradients).toSorted());
  for (const [j, name] of Object.keys(gradients).entries()) {
    const lift = name.endsWith('norm.weight') ? 1 : 0;
    const { data } = parameters.get(name)!;
    data.set(Float64Array.from(data, (_, i) => 0.5 * Math.sin(0.7 * (i + 1) + 1.3 * j) + lift));
  }
  return model;
}

function trainOnce(model: Gpt, ids: Tensor, labels: Tensor, count: number): number {
  const losses = crossEntropy(model.forward(ids), labels);
  backward(losses, { grad: full(losses.shape, 1 / count, { device: losses.device }) });
  return Array.from(losses.data).reduce((a, b) => a + b, 0) / count;
}

describe('against PyTorch in float64', () => {
  describe.each([...torch.cases.entries()])('case %i', (_, one) => {
    itOnEachDevice('logits, loss and every gradient', (device) => {
      const model = ruledModel(one, device);
      const tolerance = device === 'reference' ? 1e-11 : 1e-5;
      expectNear(gptLogits(model, torch.ids), one.logits, tolerance, 'logits');
      const loss = trainOnce(model, idTensor(torch.ids, device), idTensor(torch.labels, device), 10);
      expectNear([loss], [one.loss], tolerance, 'loss');
      for (const [path, parameter] of model.namedParameters()) {
        expectNear(gradientOf(parameter), one.gradients[path]!, tolerance, `gradient of ${path}`);
      }
    });
  });
});

describe('against the Hugging Face GPT-2', () => {
  const folder = 'oracles/checkpoints/gpt2';
  it.for(['reference', 'native', 'wasm'])(
    'logits, attention, loss and gradient norms, on %s',
    (device, context) => {
      needDevice(context, device);
      const model = needGpt2(context, folder, device);
      const stored = needOracle(context, `${folder}/expected.safetensors`);
      const facts = needJson(context, `${folder}/expected.json`) as {
        readonly loss: number;
        readonly gradient_norms: Readonly<Record<string, number>>;
      };
      const { shape, data } = stored('input_ids');
      const [batch, length] = shape as [number, number];
      const textsOf = (values: ArrayLike<number>) =>
        Array.from({ length: batch }, (_, row) => rowOf(values, row, length));
      const tokens = Array.from(stored('attention_mask').data);
      // Padding stands at the end, where causality hides it; what is said there does not count.
      const kept = (values: ArrayLike<number>, width: number): number[] =>
        tokens.flatMap((isToken, i) => (isToken ? rowOf(values, i, width) : []));
      const { result, tensors } = noGrad(() =>
        capture(model, ['layers.*.selfAttention.weights', 'logits'], () =>
          model.forward(idTensor(textsOf(data), device)),
        ),
      );
      const vocabSize = model.config.vocabSize;
      expectNear(kept(result.data, vocabSize), kept(stored('logits').data, vocabSize), 1e-5, 'logits');
      const first = 4 * length * length; // all heads of the text without padding
      for (const layer of [0, 1]) {
        const weights = tensors.get(`layers.${layer}.selfAttention.weights`)!;
        const wanted = stored(`attentions.${layer}`).data.subarray(0, first);
        expectNear(weights.data.subarray(0, first), wanted, 1e-5, `attention of layer ${layer}`);
      }
      // Labels there are the inputs; the model shifts them.
      const labels = textsOf(stored('labels').data).map((row) => [...row.slice(1), -100]);
      const count = labels.flat().filter((id) => id !== -100).length;
      const loss = trainOnce(model, idTensor(textsOf(data), device), idTensor(labels, device), count);
      expect(Math.abs(loss / facts.loss - 1)).toBeLessThan(1e-5);
      for (const [path, parameter] of model.namedParameters()) {
        const wanted = facts.gradient_norms[gpt2Name(path)]!;
        expect(Math.abs(norm(gradientOf(parameter)) - wanted), path).toBeLessThan(
          1e-4 * Math.max(wanted, 0.1),
        );
      }
    },
  );

  it.for(['reference', 'native', 'wasm'])(
    'greedy continuations of another checkpoint, on %s',
    (device, context) => {
      needDevice(context, device);
      const folder = 'checkpoints/tiny_random_gpt2';
      const model = needGpt2(context, folder, device);
      const { greedy } = needJson(context, `${folder}/expected.json`) as {
        readonly greedy: {
          readonly inputs: number[][];
          readonly max_length: number;
          readonly outputs: number[][];
        };
      };
      expect(gptGreedy(model, greedy.inputs, greedy.max_length)).toEqual(greedy.outputs);
    },
  );
});

interface Partial64 {
  readonly shape: readonly number[];
  readonly data: string;
}

describe('against a trained minGPT that sorts letters', () => {
  const folder = 'checkpoints/llmviz_nano_sort';
  const stored = ({ shape, data }: Partial64): StoredTensor => ({
    shape,
    dtype: 'float32',
    data: new Float32Array(new Uint8Array(Buffer.from(data, 'base64')).buffer),
  });

  it('every input of six letters comes out sorted', (context) => {
    const file = needData(context, `${folder}/gpt-nano-sort-model.json`);
    const all = JSON.parse(readFileSync(file, 'utf8')) as Record<string, Partial64>;
    const model = new Gpt(
      {
        ...{ vocabSize: 3, maxSeqLen: 11, dModel: 48, numLayers: 3, numHeads: 3 },
        ...{ dropout: 0, attentionDropout: 0, tieEmbeddings: false },
      },
      { random: new Random(1, 'init') },
    );
    loadGpt2(model, (name) => stored(all[name]!), false);
    const texts = Array.from({ length: 729 }, (_, n) =>
      Array.from({ length: 6 }, (_, i) => Math.floor(n / 3 ** i) % 3),
    );
    const outputs = gptGreedy(model, texts, 12).map((text) => text.slice(6));
    expect(outputs).toEqual(texts.map((text) => text.toSorted()));
  });
});

describe('properties', () => {
  itOnEachDevice('a prompt and its continuation with caches equal the full pass', gptStepsEqualForward);
  itOnEachDevice('what comes later changes nothing before it', gptFutureChangesNothing);

  itOnEachDevice('attention that is looked at is the attention that is computed', (device) => {
    const model = tinyGpt({}, device).eval();
    const ids = idTensor([[1, 5, 2, 8]], device);
    noGrad(() =>
      scope(() => {
        const plain = model.forward(ids);
        const { result, tensors } = capture(model, ['layers.1.selfAttention.weights'], () =>
          model.forward(ids),
        );
        expectNear(result.data, plain.data, device === 'reference' ? 1e-12 : 1e-5);
        const weights = tensors.get('layers.1.selfAttention.weights')!;
        expect(weights.shape).toEqual([1, 2, 4, 4]);
        weights.dispose();
      }),
    );
  });
});

describe('what cannot be', () => {
  it('lists every wrong field', () => {
    expect(() => new Gpt({ vocabSize: 0, dModel: 10, numHeads: 3, dropout: 1 })).toThrow(
      /vocabSize: .*numHeads: expected a divisor of dModel \(10\), got 3.*dropout: /,
    );
  });

  it('a text longer than the position table', () => {
    expect(() => gptLogits(tinyGpt({ maxSeqLen: 3 }), [[1, 2, 3, 4]])).toThrow(
      'expected at most 3 positions',
    );
  });
});
