/** What copying must keep. */
import fc from 'fast-check';
import { expect } from 'vitest';
import { backward, noGrad, scope, tensor, trainTokenizer } from '../../../src/index.ts';
import { capture } from '../../../src/nn/capture.ts';
import { ExtendedVocabulary } from '../../../src/tokenizers/extended-vocabulary.ts';
import { tinyModel } from '../models.ts';
import { expectNear, idTensor, rowOf } from '../numbers.ts';

const copy = { copy: true, unknownId: 3 } as const;

/** Two pairs whose sources have words beyond the nine of the vocabulary; 0 is padding. */
const source = { ids: Int32Array.of(4, 9, 5, 10, 9, 6, 9, 2), lengths: [5, 3] };
const target = { ids: Int32Array.of(1, 9, 4, 1, 6, 9), lengths: [3, 3] };
const labels = { ids: Int32Array.of(9, 4, 10, 6, 9, 0), lengths: [3, 3] };

/** The loss of a label is the logarithm of its probability among all, and has the same gradient. */
export function copiedLabelsHaveTheirProbabilities(device = 'reference'): void {
  const tolerance = device === 'reference' ? 1e-10 : 3e-5;
  const model = tinyModel(copy, device);
  const options = { labelSmoothing: 0, ignoreIndex: 0 };
  const losses = scope(() => {
    const found = model.losses(source, target, labels, options);
    const ones = Float64Array.from(found.data, () => 1);
    backward(found, { grad: tensor(ones, found.shape, { dtype: found.dtype, device }) });
    return Array.from(found.data);
  });
  const gradients = new Map([...model.namedParameters()].map(([path, p]) => [path, p.grad?.data.slice()]));
  const all = tinyModel(copy, device);
  scope(() => {
    const logProbs = all.forwardPacked(source, target);
    const size = logProbs.shape[2]!;
    const wanted = Array.from(labels.ids, (id, t) => (id === 0 ? 0 : -logProbs.data[t * size + id]!));
    expectNear(losses, wanted, tolerance, `losses on ${device}`);
    const pull = Float64Array.from(logProbs.data, () => 0);
    for (const [t, id] of labels.ids.entries()) pull[t * size + id] = id === 0 ? 0 : -1;
    backward(logProbs, { grad: tensor(pull, logProbs.shape, { dtype: logProbs.dtype, device }) });
  });
  for (const [path, parameter] of all.namedParameters()) {
    expectNear(gradients.get(path) ?? [], parameter.grad?.data ?? [], 20 * tolerance, path);
  }
}

/** Probabilities by the formula of the paper, word by word, from the weights, the gate and the vocabulary's part. */
export function copiesByTheFormula(): void {
  const model = tinyModel(copy).eval();
  const ids = [4, 9, 5, 10, 9];
  const names = ['pointer.weights', 'pointer.gate'];
  const run = () => model.forward(idTensor([ids]), idTensor([[1, 9, 4]]));
  const { tensors, result } = noGrad(() => capture(model, names, run));
  const plain = tinyModel({ unknownId: 3 }).eval();
  const known = (row: readonly number[]) => row.map((id) => (id < 9 ? id : 3));
  for (const [path, parameter] of plain.namedParameters())
    parameter.data.set([...model.namedParameters()].find(([name]) => name === path)![1].data);
  const logits = noGrad(() => plain.forward(idTensor([known(ids)]), idTensor([known([1, 9, 4])]))).data;
  const [weights, gate] = names.map((name) => tensors.get(name)!.data);
  for (let t = 0; t < 3; t++) {
    const powers = rowOf(logits, t, 9).map(Math.exp);
    const total = powers.reduce((a, b) => a + b, 0);
    const expected = Array.from({ length: 11 }, (_, word) => {
      const copied = ids.reduce((sum, id, s) => sum + (id === word ? weights![t * 5 + s]! : 0), 0);
      return gate![t]! * ((powers[word] ?? 0) / total) + (1 - gate![t]!) * copied;
    });
    expectNear(rowOf(result.data, t, 11).map(Math.exp), expected, 1e-9, `place ${t}`);
  }
}

const word = fc.stringMatching(/^[a-e]{1,2}$/);
const text = fc.array(word, { maxLength: 8 }).map((words) => words.join(' '));

/** What is said of a source with its own words comes back as it was; a word that neither has is unknown. */
export function unknownWordsComeBack(): void {
  fc.assert(
    fc.property(fc.array(text, { minLength: 1, maxLength: 3 }), text, text, (learned, line, said) => {
      const tokenizer = trainTokenizer({ kind: 'word' }, learned);
      const vocabulary = new ExtendedVocabulary(tokenizer, line);
      const known = new Set([...learned, line].join(' ').split(' '));
      expect(vocabulary.decode(vocabulary.source)).toBe(line);
      expect(vocabulary.decode(vocabulary.encode(said))).toBe(
        said
          .split(' ')
          .filter((each) => known.has(each))
          .join(' '),
      );
      const beyond = vocabulary.source.filter((id) => id >= tokenizer.vocabSize);
      expect([...new Set(beyond)]).toEqual(vocabulary.words.map((_, i) => tokenizer.vocabSize + i));
    }),
  );
}

/** Probabilities of a source with words beyond the vocabulary sum to 1, and every such word has some. */
export function copiesSumToOne(device = 'reference'): void {
  const model = tinyModel(copy, device).eval();
  const ids = idTensor([[4, 9, 5, 10, 9]], device);
  const logProbs = noGrad(() => model.forward(ids, idTensor([[1, 9, 4]], device)));
  expect(logProbs.shape).toEqual([1, 3, 11]);
  for (let t = 0; t < 3; t++) {
    const row = rowOf(logProbs.data, t, 11).map(Math.exp);
    expect(row.reduce((total, p) => total + p, 0)).toBeCloseTo(1, device === 'reference' ? 9 : 5);
    expect(Math.min(row[9]!, row[10]!)).toBeGreaterThan(1e-6);
  }
}
