/** TensorFlow.js on its WebAssembly backend, one thread. */
import { createRequire } from 'node:module';
import { measureMatmul } from './matmul.mjs';
import { packagePath } from './report.mjs';

const require = createRequire(import.meta.url);

await measureMatmul('@tensorflow/tfjs-backend-wasm', async (m, n, k, a, b) => {
  const tf = require('@tensorflow/tfjs-core');
  const { setThreadsCount, setWasmPaths } = require('@tensorflow/tfjs-backend-wasm');
  setWasmPaths(`${packagePath('@tensorflow/tfjs-backend-wasm')}/dist/`);
  setThreadsCount(1);
  await tf.setBackend('wasm');
  const [x, y] = [tf.tensor2d(a, [m, k]), tf.tensor2d(b, [k, n])];
  return async () => {
    const z = tf.matMul(x, y);
    const values = z.dataSync();
    z.dispose();
    return values;
  };
});
