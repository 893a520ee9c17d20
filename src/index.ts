/** heed: the Transformer, whole, in TypeScript. Importing it registers the devices of this machine. */
import './backends/register.ts';

export * from './core/index.ts';
export * from './data/index.ts';
export * from './errors.ts';
export * from './formats/index.ts';
export * from './generate/index.ts';
export * from './metrics/index.ts';
export * from './models/index.ts';
export * from './nn/index.ts';
export * from './ops/index.ts';
export * from './tokenizers/index.ts';
export * from './train/index.ts';
