/** heed: the Transformer, whole, in TypeScript. Importing it registers the devices of this machine. */
import { registerReferenceDevice } from './backends/reference.ts';

registerReferenceDevice();

export * from './core/index.ts';
export * from './errors.ts';
export * from './formats/index.ts';
export * from './models/index.ts';
export * from './nn/index.ts';
export * from './ops/index.ts';
