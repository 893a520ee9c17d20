import { describe, expect, it } from 'vitest';
import '../backends/register.ts';
import { itOnEachDevice } from '../../tests/support/devices.ts';
import { padded, tinyModel, trainOn } from '../../tests/support/models.ts';
import { leaf } from '../../tests/support/numbers.ts';
import { HeedError } from '../errors.ts';
import { attention, layerNorm, linear, matmul, square, sum } from '../ops/index.ts';
import { getDevice } from './device.ts';
import { scope } from './scope.ts';
import { backward } from './tape.ts';
import { full, type Tensor, tensor } from './tensor.ts';

const liveBuffers = (device = 'reference'): number => getDevice(device).memory().liveBuffers;
const make = (value = 1): Tensor => full([3], value, { device: 'reference' });

describe('scope', () => {
  it('frees what is not returned; using it gives E_FREED', () => {
    const before = liveBuffers();
    let leaked: Tensor | undefined;
    const kept = scope(() => {
      leaked = make();
      return make(2);
    });
    expect(liveBuffers()).toBe(before + 1);
    expect(kept.toArray()).toEqual([2, 2, 2]);
    expect(leaked!.isFreed).toBe(true);
    expect(() => leaked!.data).toThrow(HeedError);
    expect(() => scope(() => square(leaked!))).toThrow(expect.objectContaining({ code: 'E_FREED' }));
    kept.dispose();
    expect(liveBuffers()).toBe(before);
  });

  it('lets through tensors in arrays, maps, sets and plain objects', () => {
    const found = scope(() => ({
      list: [make(1)],
      map: new Map([['a', make(2)]]),
      set: new Set([make(3)]),
      deep: { nested: [{ x: make(4) }] },
    }));
    const all = [...found.list, ...found.map.values(), ...found.set, found.deep.nested[0]!.x];
    expect(all.map((x) => x.data[0])).toEqual([1, 2, 3, 4]);
    for (const x of all) x.dispose();
  });

  it('lets through the graph behind a returned loss, so that backward works outside', () => {
    const x = tensor([1, 2], undefined, { device: 'reference', requiresGrad: true });
    const loss = scope(() => sum(square(square(x))));
    backward(loss);
    expect(x.grad!.toArray()).toEqual([4, 32]);
  });

  it('a gradient lives as long as its leaf, also when backward runs further inside', () => {
    const before = liveBuffers();
    const x = leaf([2], 1, 'outside');
    for (const step of [1, 2]) {
      scope(() => backward(sum(square(x))));
      expect(x.grad!.toArray()).toEqual(Array.from(x.data, (value) => 2 * step * value));
    }
    x.grad!.dispose();
    x.dispose();
    let inner: Tensor | undefined;
    scope(() => {
      inner = leaf([2], 2, 'inside');
      scope(() => scope(() => backward(sum(square(inner!)))));
      expect(inner.grad!.isFreed).toBe(false);
    });
    expect(inner!.grad!.isFreed).toBe(true);
    expect(liveBuffers()).toBe(before);
  });

  it('nested: a survivor of the inner one belongs to the outer one', () => {
    const before = liveBuffers();
    let middle: Tensor | undefined;
    const outer = scope(() => {
      middle = scope(() => {
        make();
        return make(5);
      });
      expect(liveBuffers()).toBe(before + 1);
      return square(middle);
    });
    expect(outer.toArray()).toEqual([25, 25, 25]);
    expect(middle!.isFreed).toBe(true);
    outer.dispose();
    expect(liveBuffers()).toBe(before);
  });

  it('frees everything when the body throws, also inside others', () => {
    const before = liveBuffers();
    const fail = (): never => {
      make();
      throw new Error('inside');
    };
    expect(() => scope(fail)).toThrow('inside');
    expect(() =>
      scope(() => {
        make();
        scope(fail);
      }),
    ).toThrow('inside');
    expect(liveBuffers()).toBe(before);
    const after = scope(() => make());
    expect(liveBuffers()).toBe(before + 1);
    after.dispose();
  });

  it('frees what an op made before it failed', () => {
    const before = liveBuffers();
    expect(() => scope(() => matmul(make().view([1, 3]), make().view([1, 3])))).toThrow(
      'inner sizes 3 and 1',
    );
    expect(liveBuffers()).toBe(before);
  });

  it('leaves kept tensors alone', () => {
    const kept = scope(() => {
      const x = make(7).keep();
      return () => x;
    })();
    expect(kept.toArray()).toEqual([7, 7, 7]);
    kept.dispose();
  });

  it('does not free memory twice when views share it', () => {
    const before = liveBuffers();
    const outside = make(3);
    const view = scope(() => {
      outside.view([3, 1]);
      return outside.view([1, 3]);
    });
    outside.dispose();
    expect(view.toArray()).toEqual([[3, 3, 3]]);
    expect(liveBuffers()).toBe(before + 1);
    view.dispose();
    view.dispose();
    expect(liveBuffers()).toBe(before);
  });

  it('refuses an asynchronous body', () => {
    expect(() => scope(async () => make())).toThrow('expected a synchronous body');
  });
});

describe('memory', () => {
  it('is used again: a second tensor of the same size takes no fresh memory', () => {
    const device = getDevice('reference');
    make().dispose();
    const pooled = device.memory().pooledBytes;
    const again = make();
    expect(device.memory().pooledBytes).toBeLessThan(pooled);
    again.dispose();
    expect(device.memory().pooledBytes).toBe(pooled);
  });

  itOnEachDevice('100 training steps leave no buffer behind', (device) => {
    const before = liveBuffers(device);
    const model = tinyModel({ dropout: 0.1, attentionDropout: 0.1, numEncoderLayers: 1 }, device);
    const made = liveBuffers(device);
    expect(made).toBeGreaterThan(before);
    for (let step = 0; step < 100; step++) scope(() => void trainOn(model, padded, 0.1));
    model.zeroGrad();
    expect(liveBuffers(device)).toBe(made);
  });

  itOnEachDevice('backward frees the graph at once, also what kernels saved for it', (device) => {
    const shapes = [[1, 3, 4], [4], [4], [4, 4]];
    const [x, gain, bias, weight] = shapes.map((shape, i) => leaf(shape, i, 'graph', device)) as [
      Tensor,
      Tensor,
      Tensor,
      Tensor,
    ];
    const before = liveBuffers(device);
    const h = linear(layerNorm(x, gain, bias), weight);
    const loss = sum(square(attention(h, h, h, null, { numHeads: 2 })));
    expect(liveBuffers(device)).toBeGreaterThan(before + 5);
    backward(loss);
    expect(liveBuffers(device)).toBe(before + shapes.length + 1); // a gradient for each leaf, and the loss
  });

  itOnEachDevice('after backward only parameters and their gradients are left, and the loss', (device) => {
    const model = tinyModel({}, device);
    const made = liveBuffers(device);
    const withGradients = scope(() => {
      trainOn(model, padded);
      return model.parameters().filter(({ grad }) => grad).length;
    });
    expect(liveBuffers(device)).toBe(made + withGradients);
    model.zeroGrad();
  });
});
