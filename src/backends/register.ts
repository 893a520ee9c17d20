/** Registers the devices of this machine, best first, and what the tape needs from the ops. */
import '../ops/gradient-sums.ts';
import { registerNativeDevice } from './native/index.ts';
import { registerReferenceDevice } from './reference.ts';
import { registerWasmDevice } from './wasm/index.ts';

registerNativeDevice();
registerWasmDevice();
registerReferenceDevice();
