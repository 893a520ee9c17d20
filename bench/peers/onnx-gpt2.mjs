/** GPT-2 of random weights as an ONNX graph of ONNX Runtime's fused operators, one token or a prompt at a time. */
import { fillRandom, fillRandomBytes } from './gpt2.mjs';
import { model, node, tensor, value } from './onnx.mjs';

const BLOCK = 32;
/** Bits of a weight, and the middle of the factors of its blocks. */
const precisions = {
  fp32: { bits: 32 },
  int8: { bits: 8, scale: 2e-4 },
  int4: { bits: 4, scale: 3e-3 },
};

const layerCaches = (layer) =>
  ['key', 'value'].map((part, i) => ({
    past: `past.${layer}.${part}`,
    present: `present.${layer}.${part}`,
    // Query, key and value of the new tokens, and which third of them it is.
    parts: `parts.${layer}`,
    third: i + 1,
  }));

/** Names of every layer's caches. */
export const cacheNames = (layers) => Array.from({ length: layers }, (_, layer) => layerCaches(layer)).flat();

/** Nodes and constants in the order in which they are made. */
class Graph {
  nodes = [];
  constants = [];

  constructor(precision) {
    Object.assign(this, precisions[precision]);
  }

  add(type, inputs, outputs, attributes) {
    this.nodes.push(node(type, inputs, outputs, attributes));
    return outputs[0];
  }

  /** An operator of ONNX Runtime's own. */
  own(type, inputs, outputs, attributes) {
    this.nodes.push(node(type, inputs, outputs, attributes, 'com.microsoft'));
    return outputs[0];
  }

  constant(name, shape, data) {
    this.constants.push(tensor(name, shape, data));
    return name;
  }

  weights(name, shape, centre) {
    const data = new Float32Array(shape.reduce((a, b) => a * b));
    fillRandom(data, centre);
    return this.constant(name, shape, data);
  }

  norm(name, width) {
    return [this.weights(`${name}.factor`, [width], 1), this.weights(`${name}.bias`, [width])];
  }

  /** A product with a weight; its bias is left to the operator that follows. */
  linear(name, x, from, to) {
    if (this.bits === 32) return this.add('MatMul', [x, this.weights(`${name}.weight`, [from, to])], [name]);
    return this.quantized(name, x, from, to);
  }

  /** Without zero points a digit's middle is 0; products are of whole numbers (accuracy level 4). */
  quantized(name, x, from, to) {
    const blocks = from / BLOCK;
    const blockBytes = (BLOCK * this.bits) / 8;
    const digits = new Uint8Array(to * blocks * blockBytes);
    fillRandomBytes(digits);
    const scales = new Float32Array(to * blocks);
    fillRandom(scales, this.scale, this.scale);
    const inputs = [
      x,
      this.constant(`${name}.digits`, [to, blocks, blockBytes], digits),
      this.constant(`${name}.scales`, [to * blocks], scales),
    ];
    const attributes = { K: from, N: to, bits: this.bits, block_size: BLOCK, accuracy_level: 4 };
    return this.own('MatMulNBits', inputs, [name], attributes);
  }

  /**
   * Adds a projection and its bias to the residual stream, and normalises the sum. By three operators: those of 24
   * sums of 512 tokens take 6 ms on two threads, 24 SkipLayerNormalizations 28 ms.
   */
  addAndNorm(name, x, bias, residual, norm) {
    const biased = this.add('Add', [residual, bias], [`${name}.biased`]);
    const sum = this.add('Add', [x, biased], [`${name}.sum`]);
    const normed = this.add('LayerNormalization', [sum, ...norm], [`${name}.normed`], { epsilon: 1e-5 });
    return { normed, residual: sum };
  }
}

function addLayer(graph, layer, { normed, residual }, nextNorm, { width, heads }) {
  const at = (name) => `layer.${layer}.${name}`;
  const bias = (name, size) => graph.weights(at(`${name}.bias`), [size]);
  const [key, val] = layerCaches(layer);
  const product = graph.linear(at('attention.in'), normed, width, 3 * width);
  const parts = graph.add('Add', [product, bias('attention.in', 3 * width)], [key.parts]);
  const mixed = graph.own(
    'GroupQueryAttention',
    [parts, '', '', key.past, val.past, 'last', 'total'],
    [at('mixed'), key.present, val.present],
    { num_heads: heads, kv_num_heads: heads },
  );
  const out = graph.linear(at('attention.out'), mixed, width, width);
  const hiddenNorm = graph.norm(at('hiddenNorm'), width);
  const middle = graph.addAndNorm(at('middle'), out, bias('attention.out', width), residual, hiddenNorm);
  const up = graph.linear(at('up'), middle.normed, width, 4 * width);
  const hidden = graph.own('FastGelu', [up, bias('up', 4 * width)], [at('hidden')]);
  const down = graph.linear(at('down'), hidden, 4 * width, width);
  return graph.addAndNorm(at('end'), down, bias('down', width), middle.residual, nextNorm);
}

/** Logits of the last token alone, by the table that ids are looked up in; where that is quantised, by one of its own. */
function addHead(graph, normed, { width, vocab }) {
  const last = graph.add(
    'Gather',
    [normed, graph.constant('lastPlace', [], BigInt64Array.of(-1n))],
    ['lastNormed'],
    {
      axis: 1,
    },
  );
  if (graph.bits === 32) graph.add('Gemm', [last, 'tokens'], ['logits'], { transB: 1 });
  else graph.quantized('logits', last, width, vocab);
  graph.add('ArgMax', ['logits'], ['next'], { axis: 1, keepdims: 1 });
}

/**
 * The buffers of a model.
 *
 * Inputs: `ids` [1, T], `positions` [T], `last`, the last of them, `total`, how many tokens there are then, and the
 * caches [1, H, room, D]. Outputs: `next` [1, 1], `logits` [1, V], the caches, and what is new in them, [1, T, 3C].
 */
export function gpt2Model(size, precision) {
  const { layers, width, heads, vocab, context } = size;
  const graph = new Graph(precision);
  const tokens = graph.add('Gather', [graph.weights('tokens', [vocab, width]), 'ids'], ['token']);
  const places = graph.add('Gather', [graph.weights('places', [context, width]), 'positions'], ['place']);
  const norms = Array.from({ length: layers + 1 }, (_, i) => graph.norm(`norm.${i}`, width));
  const residual = graph.add('Add', [tokens, places], ['embedded']);
  const normed = graph.add('LayerNormalization', [residual, ...norms[0]], ['normed'], { epsilon: 1e-5 });
  let state = { normed, residual };
  for (let layer = 0; layer < layers; layer++) state = addLayer(graph, layer, state, norms[layer + 1], size);
  addHead(graph, state.normed, size);
  const caches = cacheNames(layers);
  const cache = (name) => value(name, 'float32', [1, heads, 'room', width / heads]);
  return model({
    ...{ nodes: graph.nodes, constants: graph.constants },
    inputs: [
      value('ids', 'int64', [1, 'T']),
      value('positions', 'int64', ['T']),
      value('last', 'int32', [1]),
      value('total', 'int32', [1]),
      ...caches.map(({ past }) => cache(past)),
    ],
    outputs: [
      value('next', 'int64', [1, 1]),
      value('logits', 'float32', [1, vocab]),
      ...caches.map(({ present }) => cache(present)),
      ...Array.from({ length: layers }, (_, i) =>
        value(layerCaches(i)[0].parts, 'float32', [1, 'T', 3 * width]),
      ),
    ],
  });
}
