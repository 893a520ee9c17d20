/** The stack of running scopes: each holds the tensors that were made inside it. */

/** What a scope needs to know of a tensor. */
export interface Owned {
  /** Left alone by scopes and by `backward`. */
  kept: boolean;
  dispose(): void;
}

const stack: Owned[][] = [];

/** Puts a new tensor into the innermost scope. */
export function adopt(tensor: Owned): void {
  stack.at(-1)?.push(tensor);
}

export function openScope(): void {
  stack.push([]);
}

/** Ends the innermost scope: survivors move outside, everything else is freed. */
export function closeScope(survives: (tensor: Owned) => boolean): void {
  const tensors = stack.pop()!;
  const outside = stack.at(-1);
  for (const tensor of tensors) {
    if (tensor.kept) continue;
    if (survives(tensor)) outside?.push(tensor);
    else tensor.dispose();
  }
}
