/** Planted bugs: the real code, run wrongly, and put back. */
import { type AnyOp, definedOps } from '../../../src/core/op.ts';
import type { Tensor } from '../../../src/index.ts';

/** A bug, and the check that must see it; the properties run the same checks on the real code. */
export interface Mutant {
  readonly name: string;
  /** Plants the bug and returns how to remove it. */
  readonly mutate: () => () => void;
  readonly caughtBy: () => void;
}

/** Replaces a property of an object or prototype; returns how to put the real one back. */
export function patch<T extends object, K extends keyof T>(
  target: T,
  key: K,
  change: (real: T[K]) => T[K],
): () => void {
  const real = Object.getOwnPropertyDescriptor(target, key)!;
  Object.defineProperty(target, key, { ...real, value: change(target[key]) });
  return () => {
    Object.defineProperty(target, key, real);
  };
}

type Gradients = readonly (Tensor | null)[];

/** What an op's definition can be asked to do wrongly. */
export interface OpParts<P> {
  compute: (context: { inputs: readonly Tensor[]; output: Tensor; params: P }) => void;
  reference: (inputs: readonly Tensor[], params: P) => Tensor;
  backward: (context: {
    inputs: readonly Tensor[];
    output: Tensor;
    params: P;
    grad: Tensor;
    needs: readonly boolean[];
    saved: readonly Tensor[];
  }) => Gradients;
}

/** The real definition of an op. */
export function definitionOf<P>(name: string): OpParts<P> {
  return (definedOps().get(name) as AnyOp).definition as unknown as OpParts<P>;
}

/** Plants a bug in one part of an op's definition, on the device that runs definitions. */
export function mutateOp<P, K extends keyof OpParts<P>>(
  name: string,
  part: K,
  change: (real: OpParts<P>[K]) => OpParts<P>[K],
): () => () => void {
  return () => patch(definitionOf<P>(name), part, change);
}

/** Plants a bug by changing the parameters that an op's forward maths gets. */
export function mutateParams<P>(
  name: string,
  part: 'compute' | 'reference',
  change: (params: P, inputs: readonly Tensor[]) => P,
): () => () => void {
  if (part === 'compute') {
    return mutateOp<P, 'compute'>(name, 'compute', (real) => (context) => {
      real({ ...context, params: change(context.params, context.inputs) });
    });
  }
  return mutateOp<P, 'reference'>(
    name,
    'reference',
    (real) => (inputs, params) => real(inputs, change(params, inputs)),
  );
}
