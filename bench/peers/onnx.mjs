/** ONNX models as lists of buffers, to be written or joined: weights of half a gigabyte are never copied. */

const codes = { float32: 1, uint8: 2, int32: 6, int64: 7 };
const typeOf = new Map([
  [Float32Array, 'float32'],
  [Uint8Array, 'uint8'],
  [Int32Array, 'int32'],
  [BigInt64Array, 'int64'],
]);

/** Protocol-buffer fields: whole numbers (negative ones as 64 bits), a float, and a length with bytes. */
function varint(value) {
  const bytes = [];
  let rest = BigInt.asUintN(64, BigInt(value));
  for (; rest > 127n; rest >>= 7n) bytes.push(Number(rest & 127n) | 128);
  return Buffer.from([...bytes, Number(rest)]);
}
const number = (field, value) => [varint(field << 3), varint(value)];
const float = (field, value) => [varint((field << 3) | 5), Buffer.from(Float32Array.of(value).buffer)];
const lengthOf = (parts) => parts.reduce((sum, { byteLength }) => sum + byteLength, 0);
const bytes = (field, parts) => [varint((field << 3) | 2), varint(lengthOf(parts)), ...parts];
const text = (field, value) => bytes(field, [Buffer.from(value)]);

/** A constant (onnx.proto's TensorProto); the array's class is its type. */
export function tensor(name, shape, data) {
  const raw = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  const code = codes[typeOf.get(data.constructor)];
  return [
    ...shape.flatMap((size) => number(1, size)),
    ...number(2, code),
    ...text(8, name),
    ...bytes(9, [raw]),
  ];
}

/** An input or output (ValueInfoProto); a size is a number, or a name where it varies. */
export function value(name, type, shape) {
  const dimension = (size) => bytes(1, typeof size === 'string' ? text(2, size) : number(1, size));
  const tensorType = [...number(1, codes[type]), ...bytes(2, shape.flatMap(dimension))];
  return [...text(1, name), ...bytes(2, bytes(1, tensorType))];
}

/** An attribute: 1 is a float's and 2 a whole number's code. */
function attribute([name, setting]) {
  const content = Number.isInteger(setting)
    ? [...number(3, setting), ...number(20, 2)]
    : [...float(2, setting), ...number(20, 1)];
  return bytes(5, [...text(1, name), ...content]);
}

/** An operator (NodeProto); an empty name stands for an input or output that is left out. */
export function node(type, inputs, outputs, attributes = {}, domain = '') {
  return [
    ...inputs.flatMap((name) => text(1, name)),
    ...outputs.flatMap((name) => text(2, name)),
    ...text(4, type),
    ...Object.entries(attributes).flatMap(attribute),
    ...text(7, domain),
  ];
}

/** A whole model of nodes, constants, inputs and outputs. */
export function model({ nodes, constants = [], inputs, outputs }) {
  const all = (field, messages) => messages.flatMap((message) => bytes(field, message));
  const graph = [
    ...all(1, nodes),
    ...text(2, 'graph'),
    ...all(5, constants),
    ...all(11, inputs),
    ...all(12, outputs),
  ];
  const opset = (domain, version) => bytes(8, [...text(1, domain), ...number(2, version)]);
  return [...number(1, 8), ...bytes(7, graph), ...opset('', 17), ...opset('com.microsoft', 1)];
}
