/** Activations that are stored as bf16 in training: the numbers of a step are those of fp32 storage. */
import '../src/backends/register.ts';
import { describe, expect, it } from 'vitest';
import { withPrecision } from '../src/core/precision.ts';
import {
  backward,
  capture,
  concat,
  type Device,
  getDevice,
  matmul,
  mean,
  Random,
  slice,
  square,
  type Tensor,
  tensor,
} from '../src/index.ts';
import { withDropoutKeys } from '../src/nn/dropout-keys.ts';
import { type FeedForwardChoice, makeFeedForward } from '../src/nn/feed-forwards/index.ts';

const [rows, dModel, dFf] = [130, 64, 128];

function unit(): Device | undefined {
  try {
    const device = getDevice('native');
    return device.bf16Unit === undefined ? undefined : device;
  } catch {
    return undefined;
  }
}

/** One step of training: how the inner vectors were stored, the output, and the gradients of input and parameters. */
function step(choice: FeedForwardChoice, device: Device, isWatched: boolean) {
  const context = { random: new Random(1, 'init'), device };
  const layer = makeFeedForward(choice, { dModel, dFf, activation: 'gelu', dropout: 0.1 }, context).train();
  const numbers = new Random(2, 'x');
  const values = Float64Array.from({ length: rows * dModel }, () => numbers.normal());
  const x = tensor(values, [1, rows, dModel], { device, requiresGrad: true });
  const output = withPrecision('bf16', device, () =>
    withDropoutKeys(1, 1, () => {
      const forward = (): Tensor => layer.forward(x);
      const y = isWatched ? capture(layer, ['hidden'], forward).result : forward();
      backward(mean(square(y)), { retain: true });
      return y;
    }),
  );
  const gradients = [x, ...layer.parameters()].map(({ grad }) => [...grad!.data]);
  return { stored: output.node!.inputs[0]!.dtype, numbers: [[...output.data], ...gradients] };
}

describe.each<FeedForwardChoice>(['mlp', 'swiglu'])('%s', (choice) => {
  it('makes the same bits with inner vectors of bf16 as with those of fp32, which one sees who watches', (context) => {
    const device = unit();
    if (!device) return context.skip('no unit for bf16 on this machine');
    const [plain, watched] = [step(choice, device, false), step(choice, device, true)];
    expect([plain.stored, watched.stored]).toEqual(['bfloat16', 'float32']);
    expect(plain.numbers).toEqual(watched.numbers);
  });
});

describe('vectors stored as bf16', () => {
  const codes = new Uint16Array([0x3f80, 0x4000, 0x4040, 0xc080]); // 1, 2, 3, −4
  const stored = (device: Device): Tensor => tensor(codes, [2, 2], { dtype: 'bfloat16', device });

  it('are read by products', (context) => {
    const device = unit();
    if (!device) return context.skip('no unit for bf16 on this machine');
    expect(matmul(stored(device), tensor([1, 10], [2, 1], { device })).toArray()).toEqual([[21], [-37]]);
  });

  it('are refused by every other op, and by products of devices that cannot read them', () => {
    const onReference = stored(getDevice('reference'));
    for (const [name, call] of [
      ['slice', () => slice(onReference, 1, 0, 1)],
      ['square', () => square(onReference)],
      ['concat', () => concat([tensor([[1, 2]], undefined, { device: 'reference' }), onReference], 0)],
      ['matmul', () => matmul(onReference, onReference)],
    ] as const) {
      expect(call).toThrow(expect.objectContaining({ code: 'E_DTYPE', where: name }));
    }
  });
});
