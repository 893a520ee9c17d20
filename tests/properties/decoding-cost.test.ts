/** What the next token costs and what decoding holds, by the number of tokens that stand before it: inventory G6. */
import { describe, expect } from 'vitest';
import { countOps, type Device, noGrad, scope, type Tensor } from '../../src/index.ts';
import type { AttentionChoice } from '../../src/nn/attention/kinds.ts';
import { itOnEachDevice } from '../support/devices.ts';
import { tinyGpt } from '../support/gpts.ts';
import { tinyModel } from '../support/models.ts';
import { idTensor } from '../support/numbers.ts';

const [NEAR, FAR] = [10, 1000];
/** Of both models: layers, width, heads and widths of a head's keys and values. */
const [LAYERS, WIDTH, HEADS, HEAD] = [2, 8, 2, 4];

/** A text that grows: what is appended, and how it ends. */
interface Growing {
  readonly device: Device;
  append(ids: Tensor): Tensor;
  dispose(): void;
}

/** Starts a text that may have that many tokens. */
type Start = (attention: AttentionChoice, device: string) => (room: number) => Growing;

const startGpt: Start = (attention, name) => {
  const model = tinyGpt({ attention, maxSeqLen: FAR }, name);
  return (room) => {
    const cache = model.startDecoding(1, room);
    return { device: model.device, append: (ids) => model.step(ids, cache), dispose: () => cache.dispose() };
  };
};

/** The decoder beside a source of five tokens. */
const startDecoder: Start = (decoderAttention, name) => {
  const model = tinyModel({ decoderAttention, maxSeqLen: FAR }, name);
  return (room) => {
    const cache = scope(() =>
      model.startDecoding(model.encode(idTensor([[3, 5, 4, 8, 2]], name)), null, room),
    );
    return { device: model.device, append: (ids) => model.step(ids, cache), dispose: () => cache.dispose() };
  };
};

/** What the step that appends token `length` takes, and the bytes that the text holds after it. */
function costOf(start: (room: number) => Growing, length: number) {
  return noGrad(() => {
    const text = start(length);
    const { device } = text;
    const append = (count: number) =>
      scope(() => {
        const ids = idTensor([Array.from({ length: count }, (_, i) => 1 + (i % 8))], device.name);
        return countOps(() => text.append(ids)).counts;
      });
    append(length - 1);
    device.resetPeak();
    const before = device.memory().liveBytes;
    const { flops, bytes, ops } = append(1);
    const { peakBytes, liveBytes } = device.memory();
    text.dispose();
    const held = liveBytes - device.memory().liveBytes;
    return { flops, bytes, held, working: peakBytes - before, state: ops.get('linearAttentionStep') };
  });
}

describe.each([
  ['decoder-only model', startGpt],
  ['decoder of an encoder–decoder', startDecoder],
] as const)('the next token of a %s', (_, start) => {
  itOnEachDevice('costs the same after 9 and after 999 tokens with linear attention (G6)', (device) => {
    const model = start('linear', device);
    const near = costOf(model, NEAR);
    expect(costOf(model, FAR)).toEqual(near);
    // Keys and queries of every head meet every number of its state S, z.
    const products = LAYERS * 2 * HEADS * HEAD * (HEAD + 1);
    expect(near.state).toMatchObject({ calls: LAYERS, flops: 2 * products });
    expect(near.held).toBeGreaterThan(0);
  });

  itOnEachDevice('costs more the more tokens stand before it with softmax (G6)', (device) => {
    const model = start('multi-head', device);
    const [near, far] = [costOf(model, NEAR), costOf(model, FAR)];
    const number = device === 'reference' ? 8 : 4;
    const tokens = LAYERS * (FAR - NEAR);
    expect(far.flops - near.flops).toBeGreaterThanOrEqual(tokens * 4 * WIDTH); // q · k and weight · v
    expect(far.bytes - near.bytes).toBeGreaterThanOrEqual(tokens * 2 * WIDTH * number); // keys and values
    expect(far.held - near.held).toBeGreaterThanOrEqual(tokens * 2 * WIDTH * number);
  });
});
