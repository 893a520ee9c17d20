/** ONNX Runtime's MatMul on one CPU thread, from a model of one node that is written here. */
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { measureMatmul } from './matmul.mjs';
import { model, node, value } from './onnx.mjs';

function matmulModel(m, n, k) {
  const matrix = (name, rows, columns) => value(name, 'float32', [rows, columns]);
  return Buffer.concat(
    model({
      nodes: [node('MatMul', ['a', 'b'], ['c'])],
      inputs: [matrix('a', m, k), matrix('b', k, n)],
      outputs: [matrix('c', m, n)],
    }),
  );
}

await measureMatmul('onnxruntime-node', async (m, n, k, a, b) => {
  const session = await InferenceSession.create(matmulModel(m, n, k), {
    intraOpNumThreads: 1,
    executionProviders: ['cpu'],
  });
  const feeds = { a: new Tensor('float32', a, [m, k]), b: new Tensor('float32', b, [k, n]) };
  return async () => (await session.run(feeds)).c.data;
});
