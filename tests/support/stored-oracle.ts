/** Tensors of one recorded oracle case, by name. */
import { readFileSync } from 'node:fs';
import type { TestContext } from 'vitest';
import { readSafetensors, type StoredTensor } from '../../src/formats/safetensors.ts';
import { needData } from './shared-data.ts';

/** Looks a tensor up; throws when the case has none of that name. */
export type StoredOracle = (name: string) => StoredTensor;

/** A safetensors file of the data folder; skips the running test, with its reason, when it is absent. */
export function needOracle(context: TestContext, path: string): StoredOracle {
  const { tensors } = readSafetensors(new Uint8Array(readFileSync(needData(context, path))), path);
  return (name) => {
    const found = tensors.get(name);
    if (!found) throw new Error(`${path} has no ${name}`);
    return found;
  };
}
