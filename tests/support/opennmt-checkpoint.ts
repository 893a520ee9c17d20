/** A Transformer that OpenNMT-tf trained, in heed's layers: names mapped, its positions and output bias added. */
import { Random } from '../../src/core/random.ts';
import { type Tensor, tensor } from '../../src/core/tensor.ts';
import type { StoredTensor } from '../../src/formats/safetensors.ts';
import type { DecodingSession } from '../../src/generate/session.ts';
import { Transformer } from '../../src/models/transformer.ts';
import { Position } from '../../src/nn/position/index.ts';
import { add } from '../../src/ops/elementwise/binary.ts';

type Weights = ReadonlyMap<string, StoredTensor>;

/** All sines, then all cosines, wavelengths to 10000 inclusive, the first token at position 1. */
class ConcatenatedSinusoids extends Position {
  override forward(x: Tensor, start = 0): Tensor {
    const [, length, width] = x.shape as [number, number, number];
    const half = width / 2;
    const table = Array.from({ length }, (_, t) =>
      Array.from({ length: width }, (_, c) => {
        const angle = (start + t + 1) * Math.exp((-(c % half) * Math.log(10_000)) / (half - 1));
        return c < half ? Math.sin(angle) : Math.cos(angle);
      }),
    );
    return add(x, tensor(table, undefined, { device: x.device }));
  }
}

/** Rows `from` to `to` of a third or half of a fused projection. */
function rows({ shape, dtype, data }: StoredTensor, from: number, to: number): StoredTensor {
  const width = shape[1] ?? 1;
  return { shape: [to - from, ...shape.slice(1)], dtype, data: data.slice(from * width, to * width) };
}

/** heed's names and tensors for a checkpoint's. */
function renamed(stored: Weights, dModel: number): Map<string, StoredTensor> {
  const result = new Map<string, StoredTensor>();
  const copy = (to: string, from: string, part?: number): void => {
    for (const kind of ['weight', 'bias']) {
      const found = stored.get(`${from}/${kind}`)!;
      result.set(
        `${to}.${kind}`,
        part === undefined ? found : rows(found, part * dModel, (part + 1) * dModel),
      );
    }
  };
  const norm = (to: string, from: string): void => {
    result.set(`${to}.weight`, stored.get(`${from}/gamma`)!);
    result.set(`${to}.bias`, stored.get(`${from}/beta`)!);
  };
  for (const [side, theirs] of [
    ['encoder', 'encoder'],
    ['decoder', 'decoder'],
  ] as const) {
    result.set(
      side === 'encoder' ? 'sourceEmbedding.weight' : 'targetEmbedding.weight',
      stored.get(`${theirs}/embeddings/weight`)!,
    );
    norm(`${side}.norm`, `${theirs}/layer_norm`);
    for (let layer = 0; stored.has(`${theirs}/layer_${layer}/ffn/linear_0/weight`); layer++) {
      const [to, from] = [`${side}.layers.${layer}`, `${theirs}/layer_${layer}`];
      for (const [i, name] of ['query', 'key', 'value'].entries())
        copy(`${to}.selfAttention.${name}`, `${from}/self_attention/linear_0`, i);
      copy(`${to}.selfAttention.output`, `${from}/self_attention/linear_1`);
      norm(`${to}.selfAttentionResidual.norm`, `${from}/self_attention/layer_norm`);
      copy(`${to}.feedForward.inner`, `${from}/ffn/linear_0`);
      copy(`${to}.feedForward.outer`, `${from}/ffn/linear_1`);
      norm(`${to}.feedForwardResidual.norm`, `${from}/ffn/layer_norm`);
      if (side === 'encoder') continue;
      copy(`${to}.crossAttention.query`, `${from}/attention/linear_0`);
      copy(`${to}.crossAttention.key`, `${from}/attention/linear_1`, 0);
      copy(`${to}.crossAttention.value`, `${from}/attention/linear_1`, 1);
      copy(`${to}.crossAttention.output`, `${from}/attention/linear_2`);
      norm(`${to}.crossAttentionResidual.norm`, `${from}/attention/layer_norm`);
    }
  }
  result.set('projection.weight', stored.get('decoder/projection/weight')!);
  return result;
}

/** The model of a checkpoint; its output bias is left to `withOutputBias`. */
export function openNmtTransformer(
  stored: Weights,
  size: {
    readonly layers: number;
    readonly dModel: number;
    readonly dFf: number;
    readonly heads: number;
    readonly normEps: number;
  },
  device: string,
): Transformer {
  const model = new Transformer(
    {
      sourceVocabSize: stored.get('encoder/embeddings/weight')!.shape[0]!,
      targetVocabSize: stored.get('decoder/embeddings/weight')!.shape[0]!,
      dModel: size.dModel,
      dFf: size.dFf,
      numHeads: size.heads,
      numEncoderLayers: size.layers,
      numDecoderLayers: size.layers,
      normPlacement: 'pre',
      normEps: size.normEps,
      position: 'none',
      dropout: 0,
      paddingId: -1,
    },
    { random: new Random(0, 'init'), device },
  );
  model.loadStateDict(renamed(stored, size.dModel));
  return Object.assign(model.eval(), {
    sourcePosition: new ConcatenatedSinusoids(),
    targetPosition: new ConcatenatedSinusoids(),
  });
}

/** A session whose logits have the bias of the output layer added. */
export function withOutputBias(session: DecodingSession, bias: StoredTensor): DecodingSession {
  return {
    get rows() {
      return session.rows;
    },
    step(tokens) {
      const logits = session.step(tokens);
      for (let i = 0; i < logits.data.length; i++) logits.data[i]! += bias.data[i % bias.data.length]!;
      return logits;
    },
    select: (places) => session.select(places),
    dispose: () => session.dispose(),
  };
}
