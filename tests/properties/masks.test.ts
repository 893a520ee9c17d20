/** Masks: inventory F1–F6, F10, g5. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { attention, DTypeError, noGrad, scope, slice, type Tensor, tensor } from '../../src/index.ts';
import {
  type AdditiveMask,
  additiveMask,
  asMask,
  type DropMask,
  dropMask,
  fromAdditiveMask,
  fromDropMask,
  type Mask,
  mask,
  toAdditiveMask,
  toDropMask,
} from '../../src/nn/attention/masks.ts';
import {
  attentionEqualsLoops,
  causalEqualsShrinkingKeys,
  causalMaskIsLowerTriangle,
  emptyRowsAreZero,
  hiddenKeysNeverLeak,
} from '../support/checks/attention.ts';
import {
  futureChangesNothing,
  futureHasNoGradient,
  paddingChangesNothing,
  paddingGetsNoGradient,
} from '../support/checks/model.ts';
import { itOnEachDevice } from '../support/devices.ts';
import { leaf } from '../support/numbers.ts';

describe('padding', () => {
  itOnEachDevice('changes no logit, no loss and no gradient (F1)', paddingChangesNothing);
  it('gets a gradient of exactly 0 (F6)', paddingGetsNoGradient);
  it('never leaks, however large a hidden score (F4)', hiddenKeysNeverLeak);
});

describe('the causal mask', () => {
  itOnEachDevice('keeps the bits of all logits before a change (F2)', futureChangesNothing);
  it('leaves exactly 0 above the diagonal of the Jacobian (F2)', futureHasNoGradient);
  it('equals attention over a growing set of keys (F5)', causalEqualsShrinkingKeys);
  it('is the lower triangle, its first row sees itself only (g5)', causalMaskIsLowerTriangle);

  itOnEachDevice('keeps the bits before a change in long sequences too', (device) => {
    const [length, width] = [150, 8];
    const [q, k, v] = ['q', 'k', 'v'].map((name) => leaf([2, length, width], 4, name, device)) as [
      Tensor,
      Tensor,
      Tensor,
    ];
    const run = (): ArrayLike<number> =>
      noGrad(() => scope(() => attention(q, k, v, null, { numHeads: 2, causal: true }).data.slice()));
    const before = Array.from(run());
    for (const place of [1, 31, 64, 65, 127, 149]) {
      for (let b = 0; b < 2; b++) {
        k.data[(b * length + place) * width] = 50;
        v.data[(b * length + place) * width] = -70 - place;
      }
      const after = Array.from(run());
      for (let b = 0; b < 2; b++) {
        const start = b * length * width;
        expect(after.slice(start, start + place * width)).toEqual(before.slice(start, start + place * width));
        expect(after[start + place * width]).not.toBe(before[start + place * width]);
      }
      before.splice(0, before.length, ...after);
    }
  });
});

describe('masks together', () => {
  it(
    'combine by AND and equal the scalar loops, left padding and single pairs included (F3)',
    attentionEqualsLoops,
  );
  it('that hide everything give 0 and a gradient of 0 (F10)', emptyRowsAreZero);

  itOnEachDevice('left padding leaves the real rows as they are alone', (device) => {
    const [q, k, v] = ['q', 'k', 'v'].map((name) => leaf([1, 6, 4], 8, name, device)) as [
      Tensor,
      Tensor,
      Tensor,
    ];
    const hidden = mask([0, 0, 1, 1, 1, 1], [1, 1, 1, 6], { device: q.device });
    const options = { numHeads: 2, causal: true };
    const padded = slice(attention(q, k, v, hidden, options), 1, 2, 6);
    const [q4, k4, v4] = [q, k, v].map((x) => slice(x, 1, 2, 6)) as [Tensor, Tensor, Tensor];
    const alone = attention(q4, k4, v4, null, options);
    for (let i = 0; i < alone.size; i++) expect(padded.data[i]).toBeCloseTo(alone.data[i]!, 6);
  });
});

describe('conventions (F4)', () => {
  const bits = fc.array(fc.boolean(), { minLength: 1, maxLength: 12 });

  it('the converters are inverses', () => {
    fc.assert(
      fc.property(bits, (visible) => {
        const own = mask(visible, [visible.length]);
        expect(Array.from(fromDropMask(toDropMask(own)).data)).toEqual(Array.from(own.data));
        expect(Array.from(fromAdditiveMask(toAdditiveMask(own)).data)).toEqual(Array.from(own.data));
        expect(Array.from(toDropMask(own).values)).toEqual(visible.map((one) => !one));
        expect(Array.from(toAdditiveMask(own).values)).toEqual(visible.map((one) => (one ? 0 : -Infinity)));
      }),
    );
  });

  it('a finite additive value is refused, because it leaks', () => {
    expect(() => fromAdditiveMask(additiveMask([0, -1000], [2]))).toThrow(
      'expected only 0 (visible) and -Infinity (hidden), got -1000',
    );
  });

  it('an op takes no mask of another convention', () => {
    const [q, k, v] = ['q', 'k', 'v'].map((name) => leaf([1, 2, 4], 1, name)) as [Tensor, Tensor, Tensor];
    const additive = tensor([[0, 0]], undefined, { device: 'reference' });
    expect(() => attention(q, k, v, additive, { numHeads: 1 })).toThrow('expected mask of dtype bool');
  });

  it('are types of their own', () => {
    const values = { values: [true], shape: [1] };
    const [drop, additive] = [dropMask([true], [1]), additiveMask([0], [1])];
    const bits = tensor([1], undefined, { dtype: 'bool' });
    // @ts-expect-error a mask in which true means hidden is no Mask
    const first: Mask = drop;
    // @ts-expect-error nor is an additive one
    const second: Mask = additive;
    // @ts-expect-error the two foreign conventions are not each other either
    const third: DropMask = additive;
    // @ts-expect-error and a mask of our own is no foreign one
    const fourth: AdditiveMask = mask([true], [1]);
    // @ts-expect-error a bool tensor does not say what true means
    const fifth: Mask = bits;
    // @ts-expect-error nor do values with a shape
    const sixth: DropMask = values;
    const seventh: Mask = asMask(bits);
    expect([first, second, third, fourth, fifth, sixth, seventh]).toHaveLength(7);
  });

  it('cannot be mixed up without types either', () => {
    const [drop, additive] = [dropMask([1, 0], [2]), additiveMask([0, -Infinity], [2])];
    const asDrop =
      (other: object): (() => Mask) =>
      () =>
        fromDropMask(other as DropMask);
    const asAdditive =
      (other: object): (() => Mask) =>
      () =>
        fromAdditiveMask(other as AdditiveMask);
    expect(asDrop(additive)).toThrow(
      'fromDropMask: expected a mask of the convention "true hides", got "added to scores"',
    );
    expect(asAdditive(drop)).toThrow('expected a mask of the convention "added to scores", got "true hides"');
    expect(asDrop({ values: [1, 0], shape: [2] })).toThrow(
      'got one that does not say what its values mean; hint: make it with dropMask(values, shape)',
    );
    expect(asDrop(mask([1, 0], [2]))).toThrow('got one that does not say');
    expect(() => asMask(tensor([1, 0]))).toThrow(DTypeError);
  });
});
