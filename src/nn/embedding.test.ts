import { describe, expect, it } from 'vitest';
import { backward, Random, SegmentEmbedding, sum, tensor, zeros } from '../index.ts';

describe('SegmentEmbedding', () => {
  it('adds the row of each token’s segment, and only used rows get a gradient', () => {
    const context = { random: new Random(1, 'segments'), device: 'reference' };
    const module = new SegmentEmbedding(3, 2, context);
    const rows = module.weight.toArray() as number[][];
    const segments = tensor(Int32Array.from([0, 1, 1]), [1, 3], { dtype: 'int32', device: 'reference' });
    const output = module.forward(zeros([1, 3, 2], { device: 'reference' }), segments);
    expect(output.toArray()).toEqual([[rows[0], rows[1], rows[1]]]);
    backward(sum(output));
    expect(module.weight.grad?.toArray()).toEqual([
      [1, 1],
      [2, 2],
      [0, 0],
    ]);
  });
});
