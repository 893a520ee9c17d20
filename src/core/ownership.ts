/** The stack of running scopes: each holds the tensors that were made inside it. */

/** What a scope needs to know of a tensor. */
export interface Owned {
  /** Left alone by scopes and by `backward`. */
  kept: boolean;
  /** The scope that it belongs to; undefined outside any. */
  owner: Owned[] | undefined;
  dispose(): void;
}

const stack: Owned[][] = [];

/** Puts a new tensor into the innermost scope. */
export function adopt(tensor: Owned): void {
  tensor.owner = stack.at(-1);
  tensor.owner?.push(tensor);
}

/** Lets a tensor live as long as another one: a gradient as long as its leaf. */
export function giveTo(tensor: Owned, other: Owned): void {
  if (tensor.owner === other.owner) return;
  tensor.owner = other.owner;
  tensor.owner?.push(tensor);
}

export function openScope(): void {
  stack.push([]);
}

/** Ends the innermost scope: survivors move outside, everything else is freed. */
export function closeScope(survives: (tensor: Owned) => boolean): void {
  const tensors = stack.pop()!;
  const outside = stack.at(-1);
  for (const tensor of tensors) {
    if (tensor.owner !== tensors) continue;
    const moves = !tensor.kept && survives(tensor);
    tensor.owner = moves ? outside : undefined;
    if (moves) outside?.push(tensor);
    else if (!tensor.kept) tensor.dispose();
  }
}
