/**
 * Scopes: memory without reference counting in user code.
 *
 * A tensor belongs to the innermost scope that was running when it was made. When the scope ends, what its
 * body returned (with the graph behind it) moves to the scope outside; everything else is freed.
 */
import { HeedError } from '../errors.ts';
import { closeScope, type Owned, openScope } from './ownership.ts';
import { Tensor } from './tensor.ts';

/** Every tensor inside a returned value: tensors, arrays, maps, sets and plain objects of them. */
function collect(value: unknown, into: Set<Owned>, seen: Set<unknown>): void {
  if (typeof value !== 'object' || value === null || seen.has(value)) return;
  seen.add(value);
  if (value instanceof Tensor) {
    collectGraph(value, into);
  } else if (Array.isArray(value) || value instanceof Set) {
    for (const item of value) collect(item, into, seen);
  } else if (value instanceof Map) {
    for (const item of value.values()) collect(item, into, seen);
  } else if (Object.getPrototypeOf(value) === Object.prototype) {
    for (const item of Object.values(value)) collect(item, into, seen);
  }
}

function collectGraph(root: Tensor, into: Set<Owned>): void {
  const pending = [root];
  for (let next = pending.pop(); next; next = pending.pop()) {
    if (into.has(next)) continue;
    into.add(next);
    if (next.grad) pending.push(next.grad);
    if (next.node) {
      for (const input of next.node.inputs) if (input) pending.push(input);
      pending.push(...next.node.saved);
    }
  }
}

/**
 * Runs `body` and frees every tensor that it made and did not return.
 *
 * @param body - synchronous work; may return tensors, or arrays, maps and plain objects of tensors
 * @returns what `body` returns
 * @throws {HeedError} when `body` is asynchronous
 * @example
 * const value = scope(() => {
 *   const loss = mean(crossEntropy(model.forward(ids), labels));
 *   backward(loss);
 *   return loss.item();
 * });
 */
export function scope<T>(body: () => T): T {
  openScope();
  const survivors = new Set<Owned>();
  try {
    const result = body();
    if (result instanceof Promise) {
      throw new HeedError({
        where: 'scope',
        expected: 'a synchronous body',
        got: 'a promise',
        hint: 'await outside the scope',
      });
    }
    collect(result, survivors, new Set());
    return result;
  } finally {
    closeScope((tensor) => survivors.has(tensor));
  }
}
