import '../backends/register.ts';
import { describe, expect, test } from 'vitest';
import { expectClose } from '../../tests/support/compare.ts';
import { needDevice } from '../../tests/support/devices.ts';
import { needOracle } from '../../tests/support/stored-oracle.ts';
import { type Tensor, tensor } from '../core/tensor.ts';
import { FormatError } from '../errors.ts';
import { Adam, type AdamOptions } from './adam.ts';

const torchDefaults = { beta1: 0.9, beta2: 0.999, eps: 1e-8 };
const recorded: Readonly<Record<string, Partial<AdamOptions>>> = {
  optimiser_adam: torchDefaults,
  optimiser_adam_paper: { beta1: 0.9, beta2: 0.98, eps: 1e-9 },
  optimiser_adam_l2: { ...torchDefaults, weightDecay: 0.1, decoupled: false },
  optimiser_adamw: { ...torchDefaults, weightDecay: 0.1, decoupled: true },
};
const tolerances = { reference: 1e-9, native: 1e-6, wasm: 1e-6 } as const;

function leaf(values: ArrayLike<number>, shape: readonly number[], device = 'reference'): Tensor {
  return tensor(values, shape, { device, requiresGrad: true }).keep();
}

function giveGrad(parameter: Tensor, values: ArrayLike<number>): void {
  parameter.grad = tensor(values, parameter.shape, { device: parameter.device });
}

describe('a hundred recorded steps of PyTorch, with and without decay (J14)', () => {
  for (const [name, options] of Object.entries(recorded)) {
    for (const device of ['reference', 'native', 'wasm'] as const) {
      test(`${name} on ${device}`, (context) => {
        needDevice(context, device);
        const oracle = needOracle(context, `oracles/modules/${name}.safetensors`);
        const { shape, data: start } = oracle('in.start');
        const gradients = oracle('in.gradients').data;
        const parameter = leaf(start, shape, device);
        const adam = new Adam([['weight', parameter]], options);
        const tolerance = { rtol: tolerances[device], atol: tolerances[device] };
        for (let step = 1; step <= 100; step++) {
          giveGrad(parameter, gradients.slice((step - 1) * start.length, step * start.length));
          adam.step(0.05);
          if (![1, 2, 10, 100].includes(step)) continue;
          expectClose(parameter.data, oracle(`out.step${step}`).data, tolerance, `step ${step}`);
        }
      });
    }
  }
});

test('only matrices decay (J14)', () => {
  const [vector, matrix] = [leaf([1, 2], [2]), leaf([1, 2], [1, 2])];
  for (const parameter of [vector, matrix]) giveGrad(parameter, [0, 0]);
  const named = [['bias', vector] as const, ['weight', matrix] as const];
  new Adam(named, { weightDecay: 0.1, decoupled: true }).step(0.5);
  expect([...vector.data]).toEqual([1, 2]);
  expectClose(matrix.data, [0.95, 1.9], { rtol: 1e-15, atol: 0 });
});

test('the clip factor multiplies the gradient before the moments', () => {
  const [scaled, given] = [leaf([1, -2], [2]), leaf([1, -2], [2])];
  const optimizers = [new Adam([['p', scaled]]), new Adam([['p', given]])] as const;
  for (let step = 0; step < 3; step++) {
    giveGrad(scaled, [4, 8 * (step + 1)]);
    giveGrad(given, [1, 2 * (step + 1)]);
    optimizers[0].step(0.1, 0.25);
    optimizers[1].step(0.1);
  }
  expect([...scaled.data]).toEqual([...given.data]);
});

test('a parameter without a gradient stays, and its moments too', () => {
  const [idle, busy] = [leaf([3], [1]), leaf([3], [1])];
  const adam = new Adam([
    ['idle', idle],
    ['busy', busy],
  ]);
  giveGrad(busy, [1]);
  adam.step(0.1);
  expect(idle.data[0]).toBe(3);
  expect(adam.stateDict().get('m/idle')!.data[0]).toBe(0);
  expectClose(busy.data, [2.9], { rtol: 1e-9, atol: 0 });
});

test('moments go through a state dict to the same bits', () => {
  const gradientAt = (step: number): number[] => [Math.sin(step), Math.cos(3 * step)];
  const run = (parameter: Tensor, adam: Adam, from: number, to: number): void => {
    for (let step = from; step < to; step++) {
      giveGrad(parameter, gradientAt(step));
      adam.step(0.03);
    }
  };
  const whole = leaf([1, 1], [2]);
  run(whole, new Adam([['p', whole]]), 0, 9);
  const parameter = leaf([1, 1], [2]);
  const first = new Adam([['p', parameter]]);
  run(parameter, first, 0, 4);
  const second = new Adam([['p', parameter]]);
  second.loadStateDict(first.stateDict(), first.steps);
  run(parameter, second, 4, 9);
  expect([...parameter.data]).toEqual([...whole.data]);
});

test('moments of another model are refused', () => {
  const adam = new Adam([['p', leaf([1, 1], [2])]]);
  const other = new Adam([['p', leaf([1, 1, 1], [3])]]).stateDict();
  const refused = (): void => adam.loadStateDict(other, 3, 'optimizer.safetensors');
  expect(refused).toThrow(FormatError);
  expect(refused).toThrow('moment m/p of shape [2], got [3]');
  expect(() => adam.loadStateDict(new Map(), 3)).toThrow(expect.objectContaining({ code: 'E_ARCHITECTURE' }));
});
