/** Language models of segments, and texts longer than a model. */
import type { Mechanism } from './mechanism.ts';

const properties = 'tests/properties/language-models.test.ts';
const learning = 'tests/long/long-context.test.ts';
const maskedTest = 'tests/masked-language-model.test.ts';
const longText = 'tests/long-text.test.ts';

export const rows: readonly Mechanism[] = [
  {
    id: 'I8',
    name: 'Language model of separate segments',
    file: 'src/models/segment-language-model.ts',
    verification:
      'a window changes no loss and no gradient of another; further losses equal those of parts of the model; nats by place fall from chance to the entropy',
    test: properties,
    more: ['tests/long/long-context.test.ts'],
  },
  {
    id: 'I9',
    name: 'Transformer-XL',
    file: 'src/models/transformer-xl.ts',
    verification:
      'with memory the logits of one pass over the whole text; reach of layers times memory; no gradient into earlier segments; a run that is cut goes on bit for bit with its memory; cached generation equals reading token by token',
    test: properties,
    more: ['tests/language-model-training.test.ts', 'tests/properties/text-generation.test.ts'],
    titles: /transformer-xl/,
  },
  {
    id: 'J10',
    name: 'Masked language model, 80/10/10',
    file: 'src/models/masked-language-model.ts',
    verification:
      "PyTorch's logits, losses and gradients; losses are those of loops at the hidden places, the gradient elsewhere is exactly 0; a run that is cut goes on bit for bit",
    test: maskedTest,
  },
  {
    id: 'F12',
    name: 'Random masking of the input',
    file: 'src/data/token-masking.ts',
    verification:
      'counts of selected, hidden, replaced and kept tokens within five deviations of the binomial; specials spared; another mask for every seed, epoch and batch',
    test: maskedTest,
  },
  {
    id: 'L1',
    name: 'Truncation: head, tail, head and tail',
    file: 'src/data/length-policy.ts',
    verification:
      'never above the limit, end tokens kept; the trained model cuts its sources alike, in every command; a label in the part that stays is learned, one in the part that is cut is left to chance, three seeds',
    test: longText,
    more: [
      'src/data/length-policy.test.ts',
      'tests/cli/long-sources.test.ts',
      'tests/long/truncation.test.ts',
    ],
  },
  {
    id: 'L2',
    name: 'Key passages: TF-IDF, TextRank, attention',
    file: 'src/data/passages.ts',
    verification:
      'recall of a planted sentence by budget, as a policy of `data.tooLong`, above every truncation; the equation of TextRank holds; models trained with it say more than with any truncation, and the attention of a trained model finds the sentence',
    test: longText,
    more: [
      'src/data/length-policy.test.ts',
      'tests/cli/long-sources.test.ts',
      'tests/long/key-passages.test.ts',
    ],
  },
  {
    id: 'L3',
    name: 'Segments apart, then pooled',
    file: 'src/models/segment-encoding.ts',
    verification:
      'one packed pass equals separate runs; segments joined are the text; a classifier of pooled segments learns what its beginning does not say (examples/08-long-texts.ts)',
    test: longText,
    more: ['tests/examples.test.ts'],
  },
  {
    id: 'L4',
    name: 'Sliding evaluation',
    file: 'src/data/running-text.ts',
    verification:
      'a loop over the labels gives the same sum; operations that ran, counted, are L times as many; better than windows side by side on a text with a known dependency',
    test: properties,
    more: ['tests/long/long-context.test.ts'],
  },
  {
    id: 'L5',
    name: 'Segment recurrence',
    file: 'src/models/segment-memory.ts',
    verification:
      'a dependency beyond the segment is learned with memory, and stays at chance without, three seeds',
    test: learning,
  },
];
