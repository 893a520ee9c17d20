/** jax-js on WebAssembly, one thread; it does not start on Node 20. */
import { measureMatmul } from './matmul.mjs';

await measureMatmul('@jax-js/jax', async (m, n, k, a, b) => {
  const { defaultDevice, init, numpy } = await import('@jax-js/jax');
  await init('wasm');
  defaultDevice('wasm');
  const x = numpy.array(a, { shape: [m, k] });
  const y = numpy.array(b, { shape: [k, n] });
  return () => numpy.matmul(x.ref, y.ref).data();
});
