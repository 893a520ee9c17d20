/**
 * Looking inside: any named intermediate of any model, on request.
 *
 * Modules offer their intermediates by name. While nobody asks, offering costs one comparison; when somebody
 * does, a fused kernel that would skip the intermediate gives way to the composed path for that call.
 */
import type { Tensor } from '../core/tensor.ts';
import { ConfigError, suggest } from '../errors.ts';

interface NamedTree {
  namedModules(): [string, object][];
}

interface Capture {
  readonly paths: ReadonlyMap<object, string>;
  readonly matches: (path: string) => boolean;
  readonly found: Map<string, Tensor>;
  readonly offered: Set<string>;
  readonly gradients: boolean;
}

let current: Capture | undefined;

function pathOf(module: object, name: string): string | undefined {
  const path = current?.paths.get(module);
  return path === undefined ? undefined : path ? `${path}.${name}` : name;
}

/** Not for users: whether anybody looks inside now. */
export function isCapturing(): boolean {
  return current !== undefined;
}

/** Not for users: whether the intermediate `name` of `module` was asked for. */
export function isWanted(module: object, name: string): boolean {
  if (!current) return false;
  const path = pathOf(module, name);
  return path !== undefined && current.matches(path);
}

/** Not for users: shows an intermediate. */
export function offer(module: object, name: string, value: Tensor): void {
  if (!current) return;
  const path = pathOf(module, name);
  if (path === undefined) return;
  current.offered.add(path);
  if (!current.matches(path)) return;
  value.keep();
  value.retainsGrad = current.gradients;
  current.found.set(path, value);
}

/** `*` stands for one part of a path, `**` for any number of them. */
function matcher(patterns: readonly string[]): (path: string) => boolean {
  const expressions = patterns.map((pattern) => {
    const body = pattern
      .split('**')
      .map((part) => part.replace(/[.+?^${}()|[\]\\]/g, '\\$&').replace(/\*/g, '[^.]+'))
      .join('.*');
    return new RegExp(`^${body}$`);
  });
  return (path) => expressions.some((expression) => expression.test(path));
}

/** What `capture` keeps besides the values. */
export interface CaptureOptions {
  /** Also keeps the gradient of each captured tensor, in its `grad`, when `backward` runs. */
  readonly gradients?: boolean;
}

/**
 * Runs `body` and returns the named intermediates that it computed.
 *
 * @param model - the tree whose paths are meant
 * @param names - paths; `*` matches one part, `**` any number: `decoder.layers.*.crossAttention.weights`
 * @param body - runs the model; a path that is computed twice keeps the last value
 * @returns the result of `body` and the tensors by path; they are yours to `dispose`
 * @throws {ConfigError} when a name matches nothing that was computed
 * @example
 * const { tensors } = capture(model, ['encoder.layers.0.selfAttention.weights'], () => model.forward(source, target));
 */
export function capture<T>(
  model: NamedTree,
  names: readonly string[],
  body: () => T,
  options: CaptureOptions = {},
): { result: T; tensors: Map<string, Tensor> } {
  const before = current;
  const mine: Capture = {
    paths: new Map(model.namedModules().map(([path, module]) => [module, path])),
    matches: matcher(names),
    found: new Map(),
    offered: new Set(),
    gradients: options.gradients ?? false,
  };
  current = mine;
  try {
    const result = body();
    for (const name of names) {
      const matches = matcher([name]);
      if (![...mine.found.keys()].some(matches)) throw unknownName(name, [...mine.offered]);
    }
    return { result, tensors: mine.found };
  } finally {
    current = before;
  }
}

function unknownName(name: string, offered: readonly string[]): ConfigError {
  return new ConfigError({
    where: 'capture',
    expected: 'the name of an intermediate that the model computes',
    got: `"${name}"`,
    hint: suggest(name, offered.slice(0, 40)),
  });
}
