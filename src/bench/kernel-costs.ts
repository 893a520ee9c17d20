/** Floating-point operations and fewest bytes of a launch, from its arguments. */
import type { KernelCall } from '../core/device.ts';
import { type Band, countPairs } from '../ops/attention/window.ts';

/** What multiplies something else than fp32, each at a peak of its own; codes of four bits are multiplied as bytes. */
export type ProductUnit = 'bf16' | 'int8';

/** What a launch has to do at least. */
export interface KernelCost {
  /** Operations, as far as a rule counts them. */
  readonly flops: number;
  /** Where they are not fp32. */
  readonly unit?: ProductUnit;
  /** Every number that has to be read or written, once. */
  readonly bytes: number;
}

function sizeOfAll({ tensors }: KernelCall): number {
  return tensors.reduce((total, tensor) => total + (tensor?.byteLength ?? 0), 0);
}

function gemm({ ints }: KernelCall): KernelCost {
  const [, , m, n, k, , , , accumulate, batch, strideA, strideB] = ints as [
    ...[number, number, number, number, number, number],
    ...[number, number, number, number, number, number],
  ];
  const times = (stride: number): number => (stride === 0 ? 1 : batch);
  const [shortA = 0, shortB = 0] = ints.slice(13);
  const operands = times(strideA) * m * k * (shortA ? 2 : 4) + times(strideB) * k * n * (shortB ? 2 : 4);
  return { flops: 2 * m * n * k * batch, bytes: operands + 4 * batch * m * n * (accumulate ? 2 : 1) };
}

function quantizedLinear(call: KernelCall): KernelCost {
  const [m, n, k] = call.ints as [number, number, number];
  return { flops: 2 * m * n * k, bytes: sizeOfAll(call), unit: 'int8' };
}

/** Pairs of a query and a key that it sees, over all sequences. */
function pairs({ ints }: KernelCall, segments: KernelCall['tensors'][number]): number {
  const [entries, , , queries, keys] = ints as [number, number, number, number, number];
  const [left = Infinity, right = Infinity] = ints.slice(22);
  const band: Band = { causal: ints[15] === 1, causalOffset: ints[16]!, window: [left, right] };
  if (!segments) return entries * countPairs(band, queries, keys);
  let total = 0;
  for (let b = 0; b < entries; b++) {
    const lengthAt = (at: number): number => segments[at + 1]! - segments[at]!;
    total += countPairs(band, lengthAt(b), lengthAt(entries + 1 + b));
  }
  return total;
}

/** Queries, keys, values and outputs, each so many times. */
function attention(call: KernelCall, segmentsAt: number, products: number, times: number): KernelCost {
  const [entries, heads, kvHeads, queries, keys, width, valueWidth] = call.ints as [
    ...[number, number, number, number],
    ...[number, number, number],
  ];
  const segments = call.tensors[segmentsAt] ?? null;
  const perEntry = queries * heads + keys * kvHeads;
  const numbers = (segments ? 1 : entries) * perEntry * (width + valueWidth);
  return {
    flops: products * pairs(call, segments) * heads * (width + valueWidth),
    bytes: 4 * numbers * times,
  };
}

/** One token of every row through all layers: each weight and each cached key and value once. */
function decoderStep({ ints }: KernelCall): KernelCost {
  const [rowCount, width, , keys, values, hidden, layers, , sources, place, vocab] = ints as [
    ...[number, number, number, number, number, number],
    ...[number, number, number, number, number],
  ];
  const [bits, isGated] = [ints[16] ?? 0, ints[17] ?? 0];
  const weights = layers * width * (3 * (keys + values) + (2 + isGated) * hidden) + vocab * width;
  const cached = rowCount * layers * (place + 1 + sources) * (keys + values);
  const cost = { flops: 2 * (rowCount * weights + cached), bytes: ((bits || 32) / 8) * weights + 4 * cached };
  // Attention stays fp32; at the faster peak the floor is a little too low.
  return bits === 0 ? cost : { ...cost, unit: 'int8' };
}

/** What is written, and what is read for it: not the zeros. */
function copyBlocks({ tensors, ints: [, , ...pieces] }: KernelCall): KernelCost {
  const [target, ...sources] = tensors;
  const lengths = sources.map((_, k) => pieces[3 * k]!);
  const sum = (numbers: readonly number[]): number => numbers.reduce((total, n) => total + n, 0);
  const columns = sum(lengths);
  const copied = sum(lengths.filter((_, k) => sources[k]));
  return { flops: 0, bytes: columns === 0 ? 0 : target!.byteLength * (1 + copied / columns) };
}

/** Entries of the batch · outputs · places. */
const alignmentSize = ({ ints: [entries, outputs, places] }: KernelCall): number =>
  entries! * outputs! * places!;

/** Kernels whose arguments say more than the sizes of their tensors. */
const costs: Readonly<Record<string, (call: KernelCall) => KernelCost>> = {
  gemm,
  gemm_bf16: (call) => ({ ...gemm(call), unit: 'bf16' }),
  attention: (call) => attention(call, 6, 2, 1),
  attention_backward: (call) => attention(call, 7, 5, 2),
  decoder_step: decoderStep,
  quantized_linear: quantizedLinear,
  // Only the rows that are asked for are read.
  embedding: (call) => rows(call),
  gather_rows: (call) => rows(call),
  quantized_embedding: ({ tensors: [target], ints: [, bits] }) => ({
    flops: 0,
    bytes: target!.byteLength * (1 + bits! / 32),
  }),
  copy_blocks: copyBlocks,
  monotonic_alignment: (call) => ({ flops: 4 * alignmentSize(call), bytes: sizeOfAll(call) }),
  monotonic_alignment_backward: (call) => ({ flops: 8 * alignmentSize(call), bytes: sizeOfAll(call) }),
  copy_rows: (call) => ({ flops: 0, bytes: 8 * call.items * call.ints[1]! }),
  // Parameters and both moments are written again.
  adam: (call) => ({ flops: 3 * (sizeOfAll(call) / 4), bytes: 1.75 * sizeOfAll(call) }),
  axpy: (call) => ({ flops: 2 * call.items, bytes: 12 * call.items }),
};

function rows({ tensors: [target] }: KernelCall): KernelCost {
  return { flops: 0, bytes: 2 * target!.byteLength };
}

/** The cost of a launch; of a kernel without a rule every tensor once, because nobody has counted its operations. */
export function costOf(call: KernelCall): KernelCost {
  return costs[call.name]?.(call) ?? { flops: 0, bytes: sizeOfAll(call) };
}

/** What tells launches of a kernel apart: the shape of a matrix product. */
export function shapeOf({ name, ints }: KernelCall): string {
  if (!name.startsWith('gemm')) return '';
  const [transA, transB, m, n, k] = ints;
  const batch = ints[9]! > 1 ? ` ×${ints[9]}` : '';
  const unit = name === 'gemm' ? '' : ` ${name.slice('gemm_'.length)}`;
  return ` ${m}×${n}×${k}${batch}${transA ? ' Aᵀ' : ''}${transB ? ' Bᵀ' : ''}${unit}`;
}
