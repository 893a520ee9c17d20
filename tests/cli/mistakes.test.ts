/** What a stranger gets wrong in an experiment, its data and its options: one line that says what to do. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { expectMistake, heed } from '../support/heed-binary.ts';
import { removeProject, tinyProject, tinyYaml } from '../support/tiny-project.ts';

let cwd: string;
beforeAll(() => {
  cwd = tinyProject();
});
afterAll(() => removeProject(cwd));

function file(name: string, content: string | Uint8Array): string {
  writeFileSync(join(cwd, name), content);
  return name;
}

const train = (config: string, ...args: string[]) => heed(['train', config, '--out', 'x', ...args], { cwd });
const refusal = async (config: string, ...args: string[]): Promise<string> => {
  const message = expectMistake(await train(config, ...args));
  expect(existsSync(join(cwd, 'x/checkpoints'))).toBe(false);
  return message;
};
const set = (text: string) => ['--set', text];

describe('an experiment', () => {
  it('with many mistakes is told all of them at once, at every depth', async () => {
    const wrong = `nmae: x
name: 5
data:
  train: { format: tsv, path: train.tsv, headr: true }
  validation: { format: csv, path: validation.tsv }
  maxTokns: 5
tokenizer: { shared: { kind: bpee } }
model: { dModel: "16", dff: 32, numHeads: 0, activation: relo }
training: { maxSteps: 3.5, learningRate: -1, optimizer: sgd, average: { of: first, count: 0, cuont: 1 } }
evaluation: { metrics: [cer, blue], test: { beamSise: 3 } }
`;
    const message = await refusal(file('wrong.yaml', wrong));
    expect(message.startsWith('wrong.yaml: ')).toBe(true);
    for (const part of [
      'nmae: unknown field; did you mean "name"?',
      'name: expected a string, got 5',
      'data.train.headr: unknown field; did you mean "header"?',
      'data.validation.format: expected one of parallel, conllu, tsv, jsonl, cmudict, entities, got "csv"; did you mean "tsv"?',
      'data.maxTokns: unknown field; did you mean "maxTokens"?',
      'tokenizer.shared.kind: expected one of word, char, bpe, wordpiece, unigram, got "bpee"; did you mean "bpe"?',
      'model.dModel: expected a number, got "16"',
      'model.dff: unknown field; did you mean "dFf"?',
      'model.numHeads: expected at least 1, got 0',
      'got "relo"; did you mean "relu"?',
      'training.maxSteps: expected a whole number, got 3.5',
      'training.learningRate: expected more than 0, got -1',
      'training.optimizer: expected one of adam, adamw, got "sgd"',
      'training.average.of: expected one of last, best, got "first"',
      'training.average.cuont: unknown field; did you mean "count"?',
      'evaluation.metrics.1: expected one of bleu, ',
      'evaluation.test.beamSise: unknown field; did you mean "beamSize"?',
    ]) {
      expect(message).toContain(part);
    }
  });

  it('whose fields clash is told every rule', async () => {
    const clashing = `name: x
data: { train: { format: tsv, path: train.tsv }, all: { format: tsv, path: train.tsv } }
tokenizer: { source: { kind: bpe }, target: { kind: bpe, numMerges: 9, byteFallback: true } }
model: { dModel: 16, numHeads: 3, maxSeqLen: 4 }
training: { finalRate: 0.1, earlyStopping: { patience: 2 }, average: { of: best, count: 1 } }
evaluation: { selectBy: bleu }
`;
    const message = await refusal(file('clash.yaml', clashing));
    for (const part of [
      'data: expected either `all` with `split`, or `train`',
      'training: expected maxSteps, maxEpochs or maxMinutes',
      'training.finalRate: expected with schedule cosine or linear, got schedule "paper", which has no end',
      'training.earlyStopping: expected with validation data only',
      'training.average.of: expected "last" without validation data, got "best"',
      'evaluation.selectBy: expected one of loss, got "bleu"',
      'model.numHeads: expected a divisor of dModel (16) or a headDim, got 3',
      'model.maxSeqLen: expected at least 257',
      'tokenizer.source.vocabSize: give vocabSize or numMerges, one of the two',
      'tokenizer.target.byteFallback: needs preTokenizer metaspace',
    ]) {
      expect(message).toContain(part);
    }
  });

  it.each([
    ['nothing', '', /^c.yaml: expected lines of text, got an empty file$/],
    ['a comment', '# later\n', /^c.yaml: expected a YAML file of fields .*, got no field at all$/],
    ['a list', '- 1\n- 2\n', /^c.yaml: expected a YAML file of fields .*, got \[1,2\]$/],
    ['a text', 'just text', /^c.yaml: expected a YAML file of fields .*, got "just text"$/],
    [
      'tabs',
      'name: x\ndata:\n\ttrain: 4\n',
      /^c.yaml: not YAML: Tabs .* line 3, column 1; hint: indent with spaces/,
    ],
    ['two colons', 'a: b: c\n', /^c.yaml: not YAML: .* line 1/],
    ['a field twice', 'name: x\nname: y\n', /^c.yaml: not YAML: Map keys must be unique at line 2/],
    ['a long text', `name: [${'x'.repeat(5000)}]`, /^.{1,600}$/],
  ])('of %s', async (_, text, message) => {
    expect(await refusal(file('c.yaml', text))).toMatch(message);
  });

  it('that is no text, or no file', async () => {
    expect(await refusal(file('c.yaml', Buffer.from([0x6e, 0xff, 0xfe])))).toMatch(
      /^c.yaml:1: expected UTF-8, got byte 0xff/,
    );
    expect(await refusal('nope.yaml')).toMatch(/^nope.yaml: no such file; hint: a path starts at/);
    expect(await refusal('.')).toMatch(/^\.: is a folder, expected a file/);
    expect(await refusal('tiny.yaml/x.yaml')).toMatch(/^tiny.yaml\/x.yaml: part of the path is a file/);
  });
});

describe('--set', () => {
  it.each([
    ['foo', /^--set: expected path=value, as in training.maxSteps=100, got "foo"$/],
    ['=3', /^--set: expected path=value/],
    ['a..b=3', /^--set: expected a dotted path of names, got "a..b=3"$/],
    ['__proto__.polluted=3', /^--set: expected a dotted path of names/],
    ['model.constructor.x=3', /^--set: expected a dotted path of names/],
    ['name=[1,2', /^--set name: not YAML/],
    ['model.dmodel=3', /^tiny.yaml: model.dmodel: unknown field; did you mean "dModel"\?$/],
    ['training=3', /^tiny.yaml: training: expected a group of fields, got 3$/],
    ['model.dModel=1e30', /model.dModel: expected at most 9007199254740991, got 1e\+30$/],
    ['training.maxSteps=1e400', /training.maxSteps: expected a number, got Infinity$/],
    ['training.learningRate=.nan', /training.learningRate: expected a number, got NaN$/],
    ['model.numHeads=3', /model.numHeads: expected a divisor of dModel \(16\) or a headDim, got 3$/],
    ['evaluation.beamSize=5000', /evaluation.beamSize: expected at most 1000, got 5000$/],
    [
      'training.average={ of: last, count: 1, x: 1 }',
      /training.average.x: unknown field; known are of, count$/,
    ],
    ['tokenizer={ shared: { kind: bpe, vocabSize: 3 } }', /vocabSize: expected at least 5, got 3/],
  ])('%s', async (text, message) => {
    expect(await refusal('tiny.yaml', ...set(text))).toMatch(message);
  });

  it.each(['model.dModel=1000000000', 'model.dFf=2000000000', 'model.maxSeqLen=1000000000'])(
    '%s does not fit in memory, and that is what is said',
    async (text) => {
      expect(await refusal('tiny.yaml', ...set(text))).toMatch(
        /^(memory|parameter: out of memory): .*; hint: make the model.* smaller$/,
      );
    },
  );
});

describe('options', () => {
  it.each([
    [['--seed', 'abc'], /^--seed: .*got "abc"$/],
    [['--seed', '-1'], /^--seed: /],
    [['--threads', '0'], /^--threads: expected a number of threads from 1 to 256, got "0"; hint: /],
    [['--threads', 'abc'], /^--threads: .*got "abc"; hint: /],
    [['--threads', '1e9'], /^--threads: .*got "1e9"; hint: /],
    [
      ['--device', 'reference', '--set', 'training.precision=bf16'],
      /^training\.precision: expected fp32 on this machine \(reference: .*\), got bf16; hint: .*AMX.*AVX-512 BF16/,
    ],
    [['--set', 'training.precision=fp8'], /training\.precision: expected one of fp32, bf16, got "fp8"/],
    [
      ['--device', 'gpu'],
      /^device: expected a known device, got "gpu"; hint: one of native, wasm, reference$/,
    ],
  ] as const)('%j', async (args, message) => {
    expect(await refusal('tiny.yaml', ...args)).toMatch(message);
  });

  it('of the environment, whatever the device', async () => {
    const message = (got: string): string =>
      `HEED_THREADS: expected a number of threads from 1 to 256, got "${got}"; hint: leave it out for the physical cores`;
    const outcome = await heed(['train', 'tiny.yaml', '--out', 'x'], { cwd, env: { HEED_THREADS: '0' } });
    expect(expectMistake(outcome)).toBe(message('0'));
    for (const device of ['wasm', 'reference']) {
      const args = ['train', 'tiny.yaml', '--out', 'x', '--device', device];
      const other = await heed(args, { cwd, env: { HEED_THREADS: 'abc', HEED_NATIVE: 'off' } });
      expect(expectMistake(other)).toBe(message('abc'));
    }
  });
});

describe('data', () => {
  const from = (name: string, content: string | Uint8Array) => set(`data.train.path=${file(name, content)}`);

  it('with a line without a partner: both counts, and the first such line', async () => {
    const numbers = (count: number): string => Array.from({ length: count }, (_, i) => `${i}\n`).join('');
    file('a.src', numbers(1000));
    file('a.tgt', numbers(999));
    const section = 'data.train={ format: parallel, source: a.src, target: a.tgt }';
    expect(await refusal('tiny.yaml', ...set(section))).toMatch(
      /^a.src:1000: line 1000 has no partner: a.src has 1000 lines, a.tgt has 999 lines; hint: /,
    );
  });

  it('that is not UTF-8, holds NUL, or lacks a column: file, line, byte', async () => {
    expect(
      await refusal('tiny.yaml', ...from('b.tsv', Buffer.from('ab\tba\ncd\xff\tdc\n', 'latin1'))),
    ).toMatch(/^b.tsv:2: expected UTF-8, got byte 0xff at byte offset 8; hint: save the file as UTF-8/);
    expect(await refusal('tiny.yaml', ...from('b.tsv', 'ab\0c\tba\n'))).toMatch(
      /^b.tsv:1: .*NUL byte at byte offset 2/,
    );
    expect(await refusal('tiny.yaml', ...from('b.tsv', 'ab\tba\ncd\n\nef\tfe\n'))).toMatch(
      /^b.tsv:2: expected text in column 1.*; line 3: .*; hint: columns are separated by tabs/,
    );
    expect(await refusal('tiny.yaml', ...set('data.train.source=7'))).toMatch(
      /line 10: .*; and 70 more; hint: /,
    );
    file('b.jsonl', '{"source":"ab","target":"ba"}\n{"source":"ab"}\nxx\n');
    expect(await refusal('tiny.yaml', ...set('data.train={ format: jsonl, path: b.jsonl }'))).toMatch(
      /^b.jsonl:2: expected text in field "target"; line 3: expected JSON/,
    );
  });

  it.each([
    ['data.train.path=empty.tsv', /^empty.tsv: expected lines of text, got an empty file$/],
    ['data.validation.path=empty.tsv', /^empty.tsv: expected lines of text, got an empty file$/],
    ['data.train.path=nope.tsv', /^nope.tsv: no such file; hint: /],
    ['data.folder=nope', /^nope\/train.tsv: no such file; hint: /],
    ['data.train.path=.', /^\.: is a folder, expected a file/],
    ['data.maxSourceLength=1', /^data.train: no example is left; hint: raise maxSourceLength/],
    [
      'data.train={ format: cmudict, package: no-such-package }',
      /^data: npm package no-such-package: cannot be loaded; hint: npm install no-such-package$/,
    ],
    [
      'data.train={ format: cmudict, package: yaml }',
      /^data: npm package yaml: expected an export named dictionary, got none$/,
    ],
  ])('%s', async (text, message) => {
    file('empty.tsv', '');
    // Single letters are among the sources, so that a limit of one token would leave some.
    const args = text.startsWith('data.maxSource')
      ? [...set(text), ...from('long.tsv', 'ab\tba\ncd\tdc\n')]
      : set(text);
    expect(await refusal('tiny.yaml', ...args)).toMatch(message);
  });

  const withLongLine = () =>
    from('long.tsv', `${readFileSync(join(cwd, 'train.tsv'), 'utf8')}${'abc'.repeat(6)}\tcba\n`);

  it.each([
    [
      'skip',
      /^note: train: 1 skipped as too long \(longest source 18, target 6 tokens\)\ntraining .* 80 examples/,
    ],
    [
      'head-tail',
      /^note: train: 1 truncated as too long \(longest source 18, target 6 tokens\)\ntraining .* 81 examples/,
    ],
  ])('longer than the model takes: %s, counted and reported', async (policy, message) => {
    const options = [...set(`data.tooLong=${policy}`), ...set('training.maxSteps=1')];
    const { code, stderr } = await train('tiny.yaml', ...withLongLine(), ...options, '--out', policy);
    expect(code, stderr).toBe(0);
    expect(stderr).toMatch(message);
  });

  it('that supports fewer pieces than were asked for: a note', async () => {
    const options = [
      ...set('tokenizer={ shared: { kind: bpe, vocabSize: 5000 } }'),
      ...set('training.maxSteps=1'),
    ];
    const { code, stderr } = await train('tiny.yaml', ...options, '--out', 'pieces');
    expect(code, stderr).toBe(0);
    expect(stderr).toMatch(
      /^note: tokenizer.shared: 5000 pieces were asked for, the data supports \d{2,3}\n/,
    );
  });

  it('in a package that is an ES module prints no warning of Node', async () => {
    const section = 'data.train={ format: cmudict, package: cmu-pronouncing-dictionary }';
    const options = [
      section,
      'data.maxTrainExamples=20',
      'training.maxSteps=1',
      'data.validation=null',
    ].slice(0, 3);
    const { code, stderr } = await train('tiny.yaml', ...options.flatMap(set), '--out', 'cmu');
    expect(code, stderr).toBe(0);
    expect(stderr).not.toMatch(/Warning|\(node:/);
  });
});

it('the experiment of these tests is fine by itself', async () => {
  expect(file('fine.yaml', tinyYaml)).toBe('fine.yaml');
  expect((await train('fine.yaml', ...set('training.maxSteps=1'), '--out', 'fine')).code).toBe(0);
});
