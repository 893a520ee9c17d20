/** Outputs and gradients of ops, layers and stacks equal PyTorch's, on every device. */
import { describe, expect, it } from 'vitest';
import {
  add,
  attention,
  attentionParams,
  attentionParts,
  backward,
  broadcastTo,
  concat,
  crossEntropy,
  deviceNames,
  embedding,
  gelu,
  geluTanh,
  Linear,
  layerNorm,
  linear,
  logSoftmax,
  mean,
  mergeHeads,
  mul,
  noGrad,
  permute,
  Random,
  relativeAttention,
  reshape,
  scale,
  scope,
  silu,
  sinusoidalTable,
  softmax,
  splitHeads,
  sum,
  type Tensor,
  tensor,
  zeros,
} from '../src/index.ts';
import { Decoder, Encoder } from '../src/models/stacks.ts';
import { type TransformerConfig, transformerDefaults } from '../src/models/transformer-config.ts';
import type { KeysAndValues } from '../src/nn/attention/layer.ts';
import { MultiHeadAttention } from '../src/nn/attention/multi-head.ts';
import { capture } from '../src/nn/capture.ts';
import { needDevice } from './support/devices.ts';
import { expectNear } from './support/numbers.ts';
import { Oracle, type TorchName } from './support/oracles.ts';
import { attentionName, loneLayerName, stackName } from './support/torch-names.ts';

type Check = (oracle: Oracle) => void;

const weights = (oracle: Oracle, name: string, value: Tensor): Tensor =>
  sum(mul(value, oracle.tensor(`gout.${name}`)));

const context = (oracle: Oracle) => ({ random: new Random(1, 'oracle'), device: oracle.device });

function elementwise(op: (x: Tensor) => Tensor): Check {
  return (oracle) => {
    const x = oracle.tensor('in.x');
    const y = op(x);
    oracle.expect(y, 'out.y');
    backward(y, { grad: oracle.tensor('gout.y') });
    oracle.expect(x.grad, 'gin.x');
  };
}

const norm: Check = (oracle) => {
  const [x, weight, bias] = [
    oracle.tensor('in.x'),
    oracle.optional('param.weight'),
    oracle.optional('param.bias'),
  ];
  const y = layerNorm(x, weight, bias, (oracle.info.args?.eps as number | undefined) ?? 1e-5);
  oracle.expect(y, 'out.y');
  backward(y, { grad: oracle.tensor('gout.y') });
  oracle.expect(x.grad, 'gin.x');
  if (weight) oracle.expect(weight.grad, 'gparam.weight');
  if (bias) oracle.expect(bias.grad, 'gparam.bias');
};

const lookup: Check = (oracle) => {
  const table = oracle.tensor('param.weight');
  const y = embedding(table, oracle.tensor('in.ids'), {
    paddingId: oracle.info.args!.padding_idx as number,
  });
  oracle.expect(y, 'out.y');
  backward(y, { grad: oracle.tensor('gout.y') });
  oracle.expect(table.grad, 'gparam.weight');
};

const entropy: Check = (oracle) => {
  const args = (oracle.info.args ?? {}) as Record<string, unknown>;
  const [logits, targets] = [oracle.tensor('in.logits'), oracle.tensor('in.target')];
  const ignoreIndex = (args.ignore_index as number | undefined) ?? -100;
  const losses = crossEntropy(logits, targets, {
    labelSmoothing: (args.label_smoothing as number | undefined) ?? 0,
    ignoreIndex,
  });
  const counted = targets.data.filter((id) => id !== ignoreIndex).length;
  const isSum = args.reduction === 'sum' || counted === 0;
  const result = args.reduction === 'none' ? losses : isSum ? sum(losses) : scale(sum(losses), 1 / counted);
  oracle.expect(result, 'out.y');
  backward(result, { grad: oracle.tensor('gout.y') });
  oracle.expect(logits.grad, 'gin.logits');
};

const dotProduct: Check = (oracle) => {
  const [q, k, v] = ['in.q', 'in.k', 'in.v'].map((name) => oracle.tensor(name)) as [Tensor, Tensor, Tensor];
  const [mask, bias] = [oracle.optional('in.mask'), oracle.optional('in.bias')];
  const factor = oracle.info.scale as number | undefined;
  const [query, key, value] = [mergeHeads(q), mergeHeads(k), mergeHeads(v)];
  const options = {
    numHeads: q.shape[1]!,
    numKvHeads: k.shape[1]!,
    causal: /causal/.test(oracle.name),
    ...(factor !== undefined && { scale: factor }),
  };
  const merged = bias
    ? relativeAttention(query, key, value, mask, options, { bias })
    : attention(query, key, value, mask, options);
  const y = splitHeads(merged, q.shape[1]!);
  oracle.expect(y, 'out.y');
  backward(y, { grad: oracle.tensor('gout.y') });
  oracle.expect(q.grad, 'gin.q');
  oracle.expect(k.grad, 'gin.k');
  oracle.expect(v.grad, 'gin.v');
  if (bias) oracle.expect(bias.grad, 'gin.bias');
};

/** One more key and value that were learned, and one more of zeros. */
function extended(oracle: Oracle, { keys, values }: KeysAndValues, learned: Tensor[]): KeysAndValues {
  const [batch, , width] = keys.shape as [number, number, number];
  const nothing = zeros([batch, 1, width], { device: oracle.device });
  const extra = (bias: Tensor): Tensor => broadcastTo(bias, [batch, 1, width]);
  return {
    keys: concat([keys, extra(learned[0]!), nothing], 1),
    values: concat([values, extra(learned[1]!), nothing], 1),
  };
}

function projected(
  oracle: Oracle,
  module: MultiHeadAttention,
  query: Tensor,
): [Tensor, Tensor, KeysAndValues] {
  const memory = oracle.optional('in.key') ?? query;
  const values = oracle.optional('in.value') ?? memory;
  return [memory, values, { keys: module.key.forward(memory), values: module.value.forward(values) }];
}

const multiHead: Check = (oracle) => {
  const args = oracle.info.args as { embed_dim: number; num_heads: number; bias?: boolean };
  const query = oracle.tensor('in.query');
  const module = new MultiHeadAttention(
    { dModel: args.embed_dim, numHeads: args.num_heads, bias: args.bias ?? true },
    context(oracle),
  );
  oracle.load(module, attentionName);
  const [memory, values, own] = projected(oracle, module, query);
  const learned = ['bias_k', 'bias_v'].filter((name) => oracle.has(`param.${name}`));
  const biases = learned.map((name) => oracle.tensor(`param.${name}`));
  const keysAndValues = biases.length > 0 ? extended(oracle, own, biases) : own;
  const bias = oracle.addedScores('in.attn_mask', args.num_heads);
  const options = {
    mask: oracle.paddingMask('in.key_padding_mask'),
    causal: !bias && oracle.isCausal('in.attn_mask'),
    bias,
  };
  const { result, tensors } = capture(module, oracle.has('out.weights') ? ['weights'] : [], () =>
    module.attendTo(query, keysAndValues, options),
  );
  oracle.expect(result, 'out.y');
  oracle.expect(
    noGrad(() => module.attendTo(query, keysAndValues, options)),
    'out.y',
  );
  let total = weights(oracle, 'y', result);
  const perHead = tensors.get('weights');
  if (perHead) {
    const shown = oracle.info.average_attn_weights ? mean(perHead, { axes: 1 }) : perHead;
    oracle.expect(shown, 'out.weights');
    total = add(total, weights(oracle, 'weights', shown));
  }
  backward(total);
  for (const [name, leaf] of Object.entries({ query, key: memory, value: values })) {
    if (oracle.has(`in.${name}`)) oracle.expect(leaf.grad, `gin.${name}`);
  }
  oracle.expectParameterGradients(module, attentionName);
  learned.forEach((name, i) => {
    oracle.expect(biases[i]!.grad, `gparam.${name}`);
  });
};

/** Keys and values of other widths than the queries: the four projections as layers of their own. */
const separateWidths: Check = (oracle) => {
  const width = oracle.info.args!.embed_dim as number;
  const inputs = {
    query: oracle.tensor('in.query'),
    key: oracle.tensor('in.key'),
    value: oracle.tensor('in.value'),
  };
  const layers = Object.entries({ ...inputs, output: inputs.query }).map(([role, x]) => {
    const layer = new Linear(x.shape[2]!, width, context(oracle));
    oracle.load(layer, (kind) => separateName(role, kind));
    return [role, layer] as const;
  });
  const layer = Object.fromEntries(layers);
  const [q, k, v] = Object.entries(inputs).map(([role, x]) => layer[role]!.forward(x)) as [
    Tensor,
    Tensor,
    Tensor,
  ];
  const parts = attentionParts(
    q,
    k,
    v,
    null,
    attentionParams(q, k, { numHeads: oracle.info.args!.num_heads as number }),
  );
  const y = layer.output!.forward(parts.output);
  oracle.expect(y, 'out.y');
  oracle.expect(parts.weights, 'out.weights');
  backward(add(weights(oracle, 'y', y), weights(oracle, 'weights', parts.weights)));
  for (const [role, x] of Object.entries(inputs)) oracle.expect(x.grad, `gin.${role}`);
  for (const [role, own] of layers) oracle.expectParameterGradients(own, (kind) => separateName(role, kind));
};

function separateName(role: string, kind: string): TorchName {
  if (role === 'output' || kind === 'bias') return attentionName(`${role}.${kind}`);
  return { name: `${role[0]}_proj_weight` };
}

function configOf(oracle: Oracle, finalNorm: boolean): TransformerConfig {
  const args = oracle.info.args as Record<string, unknown>;
  return {
    ...transformerDefaults,
    sourceVocabSize: 1,
    targetVocabSize: 1,
    dModel: args.d_model as number,
    dFf: args.dim_feedforward as number,
    numHeads: args.nhead as number,
    numEncoderLayers: (args.num_encoder_layers as number | undefined) ?? 1,
    numDecoderLayers: (args.num_decoder_layers as number | undefined) ?? 1,
    activation: ((args.activation as string | undefined) ?? 'relu') as 'relu' | 'gelu',
    normPlacement: args.norm_first ? 'pre' : 'post',
    dropout: 0,
    finalNorm,
  };
}

const encoderLayer: Check = (oracle) => {
  const encoder = new Encoder(configOf(oracle, false), context(oracle));
  const name = (path: string) => loneLayerName(path, false);
  oracle.load(encoder, name);
  const x = oracle.tensor('in.src');
  const y = encoder.forward(x, oracle.paddingMask('in.src_key_padding_mask'));
  oracle.expect(y, 'out.y');
  backward(y, { grad: oracle.tensor('gout.y') });
  oracle.expect(x.grad, 'gin.src');
  oracle.expectParameterGradients(encoder, name);
};

const decoderLayer: Check = (oracle) => {
  const decoder = new Decoder(configOf(oracle, false), context(oracle));
  const name = (path: string) => loneLayerName(path, true);
  oracle.load(decoder, name);
  expect(oracle.isCausal('in.tgt_mask')).toBe(true);
  const [x, memory] = [oracle.tensor('in.tgt'), oracle.tensor('in.memory')];
  const masks = ['in.tgt_key_padding_mask', 'in.memory_key_padding_mask'].map((n) => oracle.paddingMask(n));
  const y = decoder.forward(x, memory, masks[0], masks[1]);
  oracle.expect(y, 'out.y');
  backward(y, { grad: oracle.tensor('gout.y') });
  oracle.expect(x.grad, 'gin.tgt');
  oracle.expect(memory.grad, 'gin.memory');
  oracle.expectParameterGradients(decoder, name);
};

const stacks: Check = (oracle) => {
  const config = configOf(oracle, true);
  const [encoder, decoder] = [new Encoder(config, context(oracle)), new Decoder(config, context(oracle))];
  const encoderName = (path: string) => stackName(path, false, 'encoder.');
  const decoderName = (path: string) => stackName(path, true, 'decoder.');
  oracle.load(encoder, encoderName);
  oracle.load(decoder, decoderName);
  expect(oracle.isCausal('in.tgt_mask')).toBe(true);
  const [source, target] = [oracle.tensor('in.src'), oracle.tensor('in.tgt')];
  const memory = encoder.forward(source, oracle.paddingMask('in.src_key_padding_mask'));
  const y = decoder.forward(
    target,
    memory,
    oracle.paddingMask('in.tgt_key_padding_mask'),
    oracle.paddingMask('in.memory_key_padding_mask'),
  );
  oracle.expect(y, 'out.y');
  backward(y, { grad: oracle.tensor('gout.y') });
  oracle.expect(source.grad, 'gin.src');
  oracle.expect(target.grad, 'gin.tgt');
  oracle.expectParameterGradients(encoder, encoderName);
  oracle.expectParameterGradients(decoder, decoderName);
};

/** A convolution whose windows lie side by side: the patches of an image, each through one linear layer. */
const patches: Check = (oracle) => {
  const side = oracle.info.args!.stride as number;
  const [x, weight, bias] = [
    oracle.tensor('in.x'),
    oracle.tensor('param.weight'),
    oracle.tensor('param.bias'),
  ];
  const [batch, channels, height, width] = x.shape as [number, number, number, number];
  const [rows, columns] = [height / side, width / side];
  const cut = permute(reshape(x, [batch, channels, rows, side, columns, side]), [0, 2, 4, 1, 3, 5]);
  const tokens = reshape(cut, [batch, rows * columns, channels * side * side]);
  const flat = reshape(weight, [weight.shape[0]!, channels * side * side]);
  const regions = linear(tokens, flat, bias); // [B, regions, C]
  const y = reshape(permute(regions, [0, 2, 1]), [batch, weight.shape[0]!, rows, columns]);
  oracle.expect(y, 'out.y');
  backward(y, { grad: oracle.tensor('gout.y') });
  oracle.expect(x.grad, 'gin.x');
  oracle.expect(weight.grad, 'gparam.weight');
  oracle.expect(bias.grad, 'gparam.bias');
};

const table: Check = (oracle) => {
  const [length, width] = oracle.values('out.paper_interleaved').shape as [number, number];
  oracle.expect({ data: sinusoidalTable(length, width) }, 'out.paper_interleaved');
};

/** A variance of 1e-6 around 1000: only what float64 can hold is the oracle's. */
const tinyVariance: Check = (oracle) => {
  if (oracle.device === 'reference') return norm(oracle);
  const rounded = Float64Array.from(Float32Array.from(oracle.values('in.x').data));
  const on = (device: string): ArrayLike<number> => {
    const x = tensor(rounded, oracle.values('in.x').shape, { device });
    const [weight, bias] = ['weight', 'bias'].map((n) =>
      tensor(oracle.values(`param.${n}`).data, [rounded.length / 12], { device }),
    );
    return layerNorm(x, weight!, bias!).data;
  };
  expectNear(on(oracle.device), on('reference'), 1e-4, 'against float64 on the rounded input');
};

const cases: Readonly<Record<string, Check>> = {
  activation_gelu: elementwise(gelu),
  activation_gelu_tanh: elementwise(geluTanh),
  activation_silu: elementwise(silu),
  activation_softmax: elementwise(softmax),
  activation_log_softmax: elementwise(logSoftmax),
  layer_norm: norm,
  layer_norm_eps: norm,
  layer_norm_no_affine: norm,
  layer_norm_tiny_variance: tinyVariance,
  embedding_padding_idx: lookup,
  cross_entropy_mean: entropy,
  cross_entropy_sum: entropy,
  cross_entropy_none: entropy,
  cross_entropy_ignore0: entropy,
  cross_entropy_smoothing: entropy,
  cross_entropy_all_ignored_sum: entropy,
  sdpa_plain: dotProduct,
  sdpa_bool_mask: dotProduct,
  sdpa_causal: dotProduct,
  sdpa_scale: dotProduct,
  sdpa_gqa: dotProduct,
  sdpa_gqa_causal_mqa: dotProduct,
  sdpa_fully_masked_row: dotProduct,
  sdpa_float_mask: dotProduct,
  mha_self: multiHead,
  mha_self_averaged_weights: multiHead,
  mha_self_no_weights: multiHead,
  mha_self_no_bias: multiHead,
  mha_self_causal: multiHead,
  mha_self_causal_padded: multiHead,
  mha_cross: multiHead,
  mha_cross_padded: multiHead,
  mha_cross_float_mask: multiHead,
  mha_cross_per_head_mask: multiHead,
  mha_cross_kdim_vdim: separateWidths,
  mha_bias_kv_zero_attn: multiHead,
  encoder_layer_post_relu: encoderLayer,
  encoder_layer_post_gelu: encoderLayer,
  encoder_layer_pre_relu: encoderLayer,
  encoder_layer_pre_gelu: encoderLayer,
  decoder_layer_post_relu: decoderLayer,
  decoder_layer_post_gelu: decoderLayer,
  decoder_layer_pre_relu: decoderLayer,
  decoder_layer_pre_gelu: decoderLayer,
  transformer_2_2_post: stacks,
  transformer_2_2_pre: stacks,
  sinusoidal: table,
  conv2d_patch: patches,
};

/** Cases of the same families that heed has no part for. */
const missing: Readonly<Record<string, string>> = {
  layer_norm_2d: 'heed normalises over the last axis only',
  cross_entropy_weighted: 'heed has no class weights in its cross-entropy',
};

describe.each(deviceNames())('PyTorch on %s', (device) => {
  it.for(Object.entries(cases))('%s', ([name, check], context) => {
    needDevice(context, device);
    scope(() => check(new Oracle(context, name, device)));
  });
});

it.for(Object.entries(missing))('%s', ([, reason], context) => context.skip(reason));
