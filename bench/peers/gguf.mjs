/** A GPT-2 of random weights as GGUF, for llama.cpp. */
import { fillRandom, fillRandomBytes, gpt2Size as size } from './gpt2.mjs';

const ALIGNMENT = 32;

/** Tensor types: their code in the format, and the bytes and numbers of one block. */
const types = {
  f32: { code: 0, bytes: 4, numbers: 1 },
  q8_0: { code: 8, bytes: 34, numbers: 32 },
  q4_0: { code: 2, bytes: 18, numbers: 32 },
};

const u32 = (value) => Buffer.from(Uint32Array.of(value).buffer);
const u64 = (value) => Buffer.from(BigUint64Array.of(BigInt(value)).buffer);
const f32 = (value) => Buffer.from(Float32Array.of(value).buffer);
const string = (value) => Buffer.concat([u64(Buffer.byteLength(value)), Buffer.from(value)]);

const kinds = { u32: [4, u32], i32: [5, u32], f32: [6, f32], string: [8, string] };
const entry = (key, kind, value) => Buffer.concat([string(key), u32(kinds[kind][0]), kinds[kind][1](value)]);
const list = (key, kind, values) =>
  Buffer.concat([
    string(key),
    u32(9),
    u32(kinds[kind][0]),
    u64(values.length),
    ...values.map(kinds[kind][1]),
  ]);

function metadata() {
  const { layers, width, heads, vocab, context } = size;
  return [
    entry('general.architecture', 'string', 'gpt2'),
    entry('gpt2.context_length', 'u32', context),
    entry('gpt2.embedding_length', 'u32', width),
    entry('gpt2.block_count', 'u32', layers),
    entry('gpt2.feed_forward_length', 'u32', 4 * width),
    entry('gpt2.attention.head_count', 'u32', heads),
    entry('gpt2.attention.layer_norm_epsilon', 'f32', 1e-5),
    entry('tokenizer.ggml.model', 'string', 'gpt2'),
    entry('tokenizer.ggml.pre', 'string', 'gpt-2'),
    list(
      'tokenizer.ggml.tokens',
      'string',
      Array.from({ length: vocab }, (_, id) => `t${id}`),
    ),
    list('tokenizer.ggml.token_type', 'i32', new Array(vocab).fill(1)),
    list('tokenizer.ggml.merges', 'string', ['t 0', 't 1']),
    entry('tokenizer.ggml.bos_token_id', 'u32', vocab - 1),
    entry('tokenizer.ggml.eos_token_id', 'u32', vocab - 1),
  ];
}

/** Every tensor: name, shape with the fastest axis first, type. */
function tensors(type) {
  const { layers, width, vocab, context } = size;
  const norm = (name) => [
    [`${name}.weight`, [width], 'f32'],
    [`${name}.bias`, [width], 'f32'],
  ];
  const linear = (name, from, to) => [
    [`${name}.weight`, [from, to], type],
    [`${name}.bias`, [to], 'f32'],
  ];
  const layer = (index) => {
    const at = (name) => `blk.${index}.${name}`;
    return [
      ...[...norm(at('attn_norm')), ...linear(at('attn_qkv'), width, 3 * width)],
      ...[...linear(at('attn_output'), width, width), ...norm(at('ffn_norm'))],
      ...[...linear(at('ffn_up'), width, 4 * width), ...linear(at('ffn_down'), 4 * width, width)],
    ];
  };
  return [
    ['token_embd.weight', [width, vocab], type],
    ['position_embd.weight', [width, context], 'f32'],
    ...norm('output_norm'),
    ...Array.from({ length: layers }, (_, index) => layer(index)).flat(),
  ];
}

const padded = (length) => Math.ceil(length / ALIGNMENT) * ALIGNMENT;
const byteLength = (shape, type) => (shape.reduce((a, b) => a * b) / types[type].numbers) * types[type].bytes;

/** Small weights around 0, around 1 for the factors of norms; blocks get a small scale and random digits. */
function content(name, length, type) {
  const data = Buffer.alloc(padded(length));
  if (type === 'f32') {
    const values = new Float32Array(data.buffer, data.byteOffset, length / 4);
    fillRandom(values, name.endsWith('norm.weight') ? 1 : 0);
    return data;
  }
  const { bytes } = types[type];
  const half = type === 'q8_0' ? 0x0a8e : 0x1a25; // 2e-4 and 3e-3 as 16-bit floats
  fillRandomBytes(data.subarray(0, length));
  for (let block = 0; block < length; block += bytes) data.writeUInt16LE(half, block);
  return data;
}

/** The buffers of the file, one after the other. */
export function* ggufFile(type) {
  const all = tensors(type);
  let offset = 0;
  const infos = all.map(([name, shape, own]) => {
    const info = [string(name), u32(shape.length), ...shape.map(u64), u32(types[own].code), u64(offset)];
    offset += padded(byteLength(shape, own));
    return Buffer.concat(info);
  });
  const entries = metadata();
  const head = Buffer.concat([
    Buffer.from('GGUF'),
    u32(3),
    u64(all.length),
    u64(entries.length),
    ...entries,
    ...infos,
  ]);
  yield Buffer.concat([head, Buffer.alloc(padded(head.length) - head.length)]);
  for (const [name, shape, own] of all) yield content(name, byteLength(shape, own), own);
}
