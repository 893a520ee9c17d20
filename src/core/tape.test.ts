import { describe, expect, it } from 'vitest';
import { add, mul, scale, square, sum } from '../ops/index.ts';
import '../backends/register.ts';
import { HeedError, ShapeError } from '../errors.ts';
import { backward, gradients, isRecording, noGrad } from './tape.ts';
import { type Tensor, tensor } from './tensor.ts';

function leaf(values: number[]): Tensor {
  return tensor(values, undefined, { device: 'reference', requiresGrad: true });
}

const isConsumed = (body: () => void): void => {
  expect(body).toThrow(expect.objectContaining({ code: 'E_FREED' }));
  expect(body).toThrow(/retain/);
};

describe('a graph is used once', () => {
  it('refuses a second backward pass instead of giving nothing', () => {
    const x = leaf([1, 2]);
    const loss = sum(square(x));
    backward(loss);
    isConsumed(() => backward(loss));
    expect(x.grad!.toArray()).toEqual([2, 4]);
  });

  it('refuses a second loss on a trunk that the first one used up', () => {
    const x = leaf([1, 2]);
    const trunk = square(x);
    const [first, second] = [sum(scale(trunk, 3)), sum(scale(trunk, 5))];
    backward(first);
    isConsumed(() => backward(second));
  });

  it('refuses to build on a loss whose graph is gone', () => {
    const x = leaf([3]);
    const loss = sum(square(x));
    backward(loss);
    isConsumed(() => backward(scale(loss, 2)));
  });

  it('can be kept with retain: both losses arrive', () => {
    const x = leaf([1, 2]);
    const trunk = square(x);
    const [first, second] = [sum(scale(trunk, 3)), sum(scale(trunk, 5))];
    backward(first, { retain: true });
    backward(second);
    expect(x.grad!.toArray()).toEqual([16, 32]);
  });
});

describe('backward', () => {
  it('takes the gradient of an output of several elements', () => {
    const x = leaf([1, 2, 3]);
    const upstream = tensor([1, 10, 100], undefined, { device: 'reference' });
    backward(square(x), { grad: upstream });
    expect(x.grad!.toArray()).toEqual([2, 40, 600]);
    expect(upstream.toArray()).toEqual([1, 10, 100]);
  });

  it('refuses an output of several elements without a gradient, and a gradient of another shape', () => {
    const x = leaf([1, 2]);
    expect(() => backward(square(x))).toThrow(ShapeError);
    expect(() => backward(square(x), { grad: leaf([1]) })).toThrow('expected grad of shape [2]');
  });

  it('refuses an output that nothing trainable stands behind', () => {
    const x = leaf([1]);
    expect(() => noGrad(() => backward(sum(square(x))))).toThrow(HeedError);
    const frozen = tensor([1], undefined, { device: 'reference' });
    expect(() => backward(square(frozen))).toThrow('nothing behind this output requires a gradient');
  });

  it('stops at detach', () => {
    const x = leaf([3]);
    backward(mul(x, square(x).detach()));
    expect(x.grad!.toArray()).toEqual([9]);
  });

  it('of a leaf itself is the seed', () => {
    const x = leaf([3]);
    backward(x);
    expect(x.grad!.toArray()).toEqual([1]);
  });

  it('shows the gradient of an intermediate that retains it', () => {
    const x = leaf([3]);
    const y = square(x).keep();
    y.retainsGrad = true;
    backward(sum(square(y)));
    expect(y.grad!.toArray()).toEqual([18]);
    expect(y.toArray()).toEqual([9]);
  });
});

describe('gradients', () => {
  it('leaves grad alone, and is null where the output does not depend on an input', () => {
    const [x, y] = [leaf([2]), leaf([5])];
    const [dx, dy] = gradients(square(x), [x, y]);
    expect(dx!.toArray()).toEqual([4]);
    expect(dy).toBeNull();
    expect(x.grad).toBeUndefined();
  });

  it('of an intermediate counts every path to it', () => {
    const x = leaf([2]);
    const y = square(x);
    const [dy, dx] = gradients(add(square(y), scale(y, 3)), [y, x]);
    expect(dy!.toArray()).toEqual([2 * 4 + 3]);
    expect(dx!.toArray()).toEqual([(2 * 4 + 3) * 4]);
  });
});

describe('noGrad', () => {
  it('records nothing, and recording returns after an error', () => {
    const x = leaf([2]);
    expect(noGrad(() => square(x)).requiresGrad).toBe(false);
    expect(() =>
      noGrad(() => {
        throw new Error('inside');
      }),
    ).toThrow('inside');
    expect(isRecording()).toBe(true);
  });
});
