/**
 * Module: a part of a model that owns parameters and other modules.
 *
 * A module's own properties are its children: parameters, modules and arrays of modules, in the order in
 * which the constructor sets them. Their names make the dotted paths of `stateDict`.
 */
import { type Device, defaultDevice, getDevice } from '../core/device.ts';
import type { TypedArray } from '../core/dtype.ts';
import type { Random } from '../core/random.ts';
import { formatShape, type Shape, sameShape } from '../core/shape.ts';
import { Tensor } from '../core/tensor.ts';
import { FormatError } from '../errors.ts';
import { isWanted, offer } from './capture.ts';
import type { Initializer } from './initializers.ts';

/** What modules need to make their parameters. */
export interface ModuleContext {
  readonly random: Random;
  readonly device?: Device | string;
}

/** A trainable tensor: a leaf that no scope frees. */
export type Parameter = Tensor;

/** Makes a parameter with values from an initializer. */
export function parameter(
  shape: Shape,
  initializer: Initializer,
  { random, device }: ModuleContext,
): Parameter {
  const target =
    device === undefined ? defaultDevice() : typeof device === 'string' ? getDevice(device) : device;
  const made = Tensor.empty(shape, target.floatType, target, 'parameter').keep();
  made.data.set(initializer(shape, random));
  made.requiresGrad = true;
  return made;
}

type Child = readonly [name: string, value: Module | Tensor];

/** A layer or a model: a tree of parameters and modules, found by their property names. */
export abstract class Module {
  /** Whether dropout is on. Set it for the whole tree with `train()` and `eval()`. */
  training = true;

  /** Parameters and modules directly below, by property name. */
  children(): Child[] {
    const found: Child[] = [];
    for (const [name, value] of Object.entries(this)) {
      if (value instanceof Module || (value instanceof Tensor && value.requiresGrad))
        found.push([name, value]);
      if (Array.isArray(value)) {
        value.forEach((item, i) => {
          if (item instanceof Module) found.push([`${name}.${i}`, item]);
        });
      }
    }
    return found;
  }

  /** This module and all below with their dotted paths; a module that is used twice appears once. */
  namedModules(prefix = '', seen: Set<Module> = new Set()): [string, Module][] {
    if (seen.has(this)) return [];
    seen.add(this);
    const below = this.children().flatMap(([name, child]) =>
      child instanceof Module ? child.namedModules(join(prefix, name), seen) : [],
    );
    return [[prefix, this], ...below];
  }

  /** All parameters with their dotted paths; a shared one appears once, under its first name. */
  namedParameters(): [string, Parameter][] {
    const seen = new Set<Tensor>();
    return this.namedModules().flatMap(([path, module]) =>
      module.children().flatMap(([name, child]): [string, Parameter][] => {
        if (!(child instanceof Tensor) || seen.has(child)) return [];
        seen.add(child);
        return [[join(path, name), child]];
      }),
    );
  }

  parameters(): Parameter[] {
    return this.namedParameters().map(([, value]) => value);
  }

  /** Number of trainable numbers. */
  get numParameters(): number {
    return this.parameters().reduce((total, { size }) => total + size, 0);
  }

  /** Tensors of this module alone that are saved with the parameters but never trained, by name. */
  buffers(): readonly (readonly [string, Tensor])[] {
    return [];
  }

  /** Parameters and buffers by path. */
  stateDict(): Map<string, Tensor> {
    const buffers = this.namedModules().flatMap(([path, module]) =>
      module.buffers().map(([name, value]) => [join(path, name), value] as const),
    );
    return new Map([...this.namedParameters(), ...buffers]);
  }

  /**
   * Copies values into the parameters and buffers.
   *
   * @throws {FormatError} when names or shapes differ; all of them are listed and nothing is changed
   */
  loadStateDict(
    state: ReadonlyMap<string, { readonly shape: Shape; readonly data: TypedArray }>,
    file = 'stateDict',
  ): void {
    const own = this.stateDict();
    const problems = [
      ...[...own.keys()].filter((name) => !state.has(name)).map((name) => `${name} is missing`),
      ...[...state.keys()].filter((name) => !own.has(name)).map((name) => `${name} is not part of the model`),
      ...[...own]
        .filter(([name, value]) => state.has(name) && !sameShape(state.get(name)!.shape, value.shape))
        .map(
          ([name, value]) =>
            `${name} is ${formatShape(state.get(name)!.shape)}, expected ${formatShape(value.shape)}`,
        ),
    ];
    if (problems.length > 0) {
      const shown = problems.slice(0, 8).join('; ');
      throw new FormatError({
        where: file,
        file,
        problem: `the weights are of another architecture: ${shown}${problems.length > 8 ? `; and ${problems.length - 8} more` : ''}`,
        hint: 'build the model from the configuration that was saved beside the weights',
        code: 'E_ARCHITECTURE',
      });
    }
    for (const [name, value] of own) value.data.set(state.get(name)!.data);
  }

  /** Turns dropout on or off in the whole tree. */
  train(on = true): this {
    for (const [, module] of this.namedModules()) module.training = on;
    return this;
  }

  /** `train(false)` */
  eval(): this {
    return this.train(false);
  }

  /** Drops the gradients of all parameters. */
  zeroGrad(): void {
    for (const value of this.parameters()) {
      value.grad?.dispose();
      value.grad = undefined;
    }
  }

  /** Shows an intermediate to `capture` under `<path of this module>.<name>`. */
  protected expose(name: string, value: Tensor): Tensor {
    offer(this, name, value);
    return value;
  }

  /** Whether somebody asked for an intermediate of this module, so that a fused kernel must give way. */
  protected wants(...names: readonly string[]): boolean {
    return names.some((name) => isWanted(this, name));
  }
}

function join(prefix: string, name: string): string {
  return prefix ? `${prefix}.${name}` : name;
}
