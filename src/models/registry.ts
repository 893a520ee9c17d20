/** Architectures by the name that a configuration gives them. */
import { ConfigError, suggest } from '../errors.ts';
import type { ModuleContext } from '../nn/module.ts';
import { Transformer } from './transformer.ts';
import type { TransformerConfig } from './transformer-config.ts';

const kinds = {
  transformer: (config: TransformerConfig, context: ModuleContext) => new Transformer(config, context),
} as const;

export type ModelKind = keyof typeof kinds;

/** What a checkpoint says of its model. */
export interface ModelDescription {
  readonly kind: ModelKind;
  readonly config: TransformerConfig;
}

/**
 * Builds a model with fresh parameters.
 *
 * @throws {ConfigError} when the kind is unknown or its configuration cannot be used
 */
export function buildModel({ kind, config }: ModelDescription, context: ModuleContext): Transformer {
  if (!Object.hasOwn(kinds, kind)) {
    throw new ConfigError({
      where: 'model.kind',
      expected: 'a known architecture',
      got: JSON.stringify(kind),
      hint: suggest(String(kind), Object.keys(kinds)),
    });
  }
  return kinds[kind](config, context);
}
