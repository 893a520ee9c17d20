/** heed: the Transformer, whole, in TypeScript. Importing it registers the devices of this machine. */
import { registerNativeDevice } from './backends/native/index.ts';
import { registerReferenceDevice } from './backends/reference.ts';

registerNativeDevice();
registerReferenceDevice();

export * from './core/index.ts';
export * from './errors.ts';
export * from './formats/index.ts';
export * from './models/index.ts';
export * from './nn/index.ts';
export * from './ops/index.ts';
