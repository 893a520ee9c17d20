import fc from 'fast-check';
import { expect, it } from 'vitest';
import { Heap } from './heap.ts';

it('gives back what was pushed in order, pops and pushes mixed', () => {
  fc.assert(
    fc.property(fc.array(fc.oneof(fc.integer(), fc.constant('pop' as const))), (actions) => {
      const heap = new Heap<number>((a, b) => a < b);
      const reference: number[] = [];
      for (const action of actions) {
        if (action === 'pop') {
          reference.sort((a, b) => a - b);
          expect(heap.top()).toBe(reference[0]);
          expect(heap.pop()).toBe(reference.shift());
        } else {
          heap.push(action);
          reference.push(action);
        }
      }
    }),
  );
});
