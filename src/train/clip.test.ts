import '../backends/register.ts';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { expectClose } from '../../tests/support/compare.ts';
import { needDevice } from '../../tests/support/devices.ts';
import { needOracle } from '../../tests/support/stored-oracle.ts';
import { type Tensor, tensor } from '../core/tensor.ts';
import { clipFactor, gradientNorm } from './clip.ts';

function withGrad(values: ArrayLike<number>, shape: readonly number[], device: string): Tensor {
  const parameter = tensor(new Float64Array(values.length), shape, { device, requiresGrad: true });
  parameter.grad = tensor(values, shape, { device });
  return parameter;
}

describe('PyTorch clip_grad_norm_', () => {
  for (const [name, limit] of [
    ['clip_l2_1', 1],
    ['clip_l2_1e+06', 1e6],
  ] as const) {
    for (const [device, tolerance] of [
      ['reference', 1e-12],
      ['native', 1e-6],
      ['wasm', 1e-6],
    ] as const) {
      test(`${name} on ${device}`, (context) => {
        needDevice(context, device);
        const oracle = needOracle(context, `oracles/modules/${name}.safetensors`);
        const names = ['g0', 'g1', 'g2'];
        const parameters = names.map((g) =>
          withGrad(oracle(`in.${g}`).data, oracle(`in.${g}`).shape, device),
        );
        const norm = gradientNorm(parameters);
        expectClose([norm], oracle('out.total_norm').data, { rtol: tolerance, atol: 0 }, 'norm');
        const factor = clipFactor(norm, limit);
        for (const [i, g] of names.entries()) {
          const clipped = parameters[i]!.grad!.data.map((value) => value * factor);
          expectClose(clipped, oracle(`out.${g}`).data, { rtol: tolerance, atol: tolerance }, g);
        }
      });
    }
  }
});

test('the clipped norm is never above the limit, and small gradients stay as they are', () => {
  const values = fc.array(fc.double({ min: -1e6, max: 1e6, noNaN: true }), { minLength: 1, maxLength: 20 });
  fc.assert(
    fc.property(values, fc.double({ min: 1e-3, max: 1e3, noNaN: true }), (gradient, limit) => {
      const norm = gradientNorm([withGrad(gradient, [gradient.length], 'reference')]);
      const factor = clipFactor(norm, limit);
      const clipped = gradientNorm([
        withGrad(
          gradient.map((g) => g * factor),
          [gradient.length],
          'reference',
        ),
      ]);
      expect(clipped).toBeLessThanOrEqual(limit);
      if (norm < limit - 1e-5) expect(factor).toBe(1);
    }),
  );
});

test('a limit of 0 or infinity means no clipping; parameters without a gradient do not count', () => {
  expect(clipFactor(1e9, 0)).toBe(1);
  expect(clipFactor(1e9, Number.POSITIVE_INFINITY)).toBe(1);
  const idle = tensor([1, 2], [2], { device: 'reference', requiresGrad: true });
  expect(gradientNorm([idle, withGrad([3, 4], [2], 'reference')])).toBe(5);
});
