/** ONNX Runtime's MatMul on one CPU thread, from a model of one node that is written here. */
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { measureMatmul } from './matmul.mjs';

/** Protocol-buffer fields: a number, and a length with bytes. */
const varint = (value) => (value < 128 ? [value] : [(value & 127) | 128, ...varint(value >>> 7)]);
const number = (field, value) => [...varint(field << 3), ...varint(value)];
const bytes = (field, content) => [...varint((field << 3) | 2), ...varint(content.length), ...content];
const text = (field, value) => bytes(field, [...Buffer.from(value)]);

/** A float tensor of two named axes, as onnx.proto's ValueInfoProto. */
function value(name, rows, columns) {
  const dimension = (size) => bytes(1, number(1, size));
  const type = bytes(1, [...number(1, 1), ...bytes(2, [...dimension(rows), ...dimension(columns)])]);
  return [...text(1, name), ...bytes(2, type)];
}

function matmulModel(m, n, k) {
  const node = [...text(1, 'a'), ...text(1, 'b'), ...text(2, 'c'), ...text(4, 'MatMul')];
  const inputs = [...bytes(11, value('a', m, k)), ...bytes(11, value('b', k, n))];
  const graph = [...bytes(1, node), ...text(2, 'matmul'), ...inputs, ...bytes(12, value('c', m, n))];
  const opset = [...text(1, ''), ...number(2, 13)];
  return Uint8Array.from([...number(1, 8), ...bytes(7, graph), ...bytes(8, opset)]);
}

await measureMatmul('onnxruntime-node', async (m, n, k, a, b) => {
  const session = await InferenceSession.create(matmulModel(m, n, k), {
    intraOpNumThreads: 1,
    executionProviders: ['cpu'],
  });
  const feeds = { a: new Tensor('float32', a, [m, k]), b: new Tensor('float32', b, [k, n]) };
  return async () => (await session.run(feeds)).c.data;
});
