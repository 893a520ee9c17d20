/** Whole runs on sources with trees: inventory D8, E21. One line of a configuration chooses who sees the tree. */
import './support/devices.ts';
import { join } from 'node:path';
import { describe, expect, it, test } from 'vitest';
import { validateExperiment } from '../src/train/config/validate.ts';
import { loadModel } from '../src/train/load-model.ts';
import { trainExperiment } from '../src/train/run.ts';
import { fingerprint, temporaryFolder } from './support/tiny-run.ts';
import { treeExamples, treeExperiment, writeTreeExamples } from './support/tree-sentences.ts';

const small = { numEncoderLayers: 1, dModel: 16, dFf: 32 };

describe('who hangs from whom, asked of random trees', () => {
  test('is told by a model along their edges, and not by one that sees words only', {
    timeout: 240_000,
  }, async () => {
    const folder = temporaryFolder();
    writeTreeExamples(folder, 'train', treeExamples(600, 1));
    const held = treeExamples(30, 2);
    writeTreeExamples(folder, 'test', held);
    const errors = async (name: string, model: object): Promise<number> => {
      const training = { maxSteps: 200, learningRate: 0.01 };
      const experiment = validateExperiment(treeExperiment(folder, { ...small, ...model }, training));
      const { metrics } = await trainExperiment(experiment, { folder: join(folder, name) });
      return metrics.wer!;
    };
    const words = await errors('words', {});
    const edges = await errors('edges', { encoderAttention: { kind: 'graph', edges: 'heads' } });
    expect(words).toBeGreaterThan(60);
    expect(edges).toBeLessThan(words / 2);

    const model = await loadModel(join(folder, 'edges'));
    const said = await model.translate(held.map(({ sentence }) => sentence));
    const alone = await model.translate([held[3]!.sentence], { beamSize: 2, alignments: true });
    expect(said[3]!.source).toBe(held[3]!.sentence.words.join(' '));
    expect(alone[0]!.alignment!.weights[0]!).toHaveLength(held[3]!.sentence.words.length + 1);
    await expect(model.translate(['ape bee'])).rejects.toThrow(/expected sentences with dependency trees.*/);
  });

  test('a run that was cut resumes to the same bits', { timeout: 120_000 }, async () => {
    const folder = temporaryFolder();
    writeTreeExamples(folder, 'train', treeExamples(40, 1));
    writeTreeExamples(folder, 'test', treeExamples(5, 2));
    const model = { ...small, encoderPosition: 'structural', encoderAttention: 'graph', dropout: 0.1 };
    const training = { maxSteps: 12, checkpointEvery: 4, logEvery: 3, reinforce: { weight: 0.2 } };
    const experiment = validateExperiment(treeExperiment(folder, model, training));
    await trainExperiment(experiment, { folder: join(folder, 'whole') });
    const stop = new AbortController();
    await trainExperiment(experiment, {
      folder: join(folder, 'cut'),
      signal: stop.signal,
      onEvent: (event) => {
        if (event.type === 'step' && event.step >= 6) stop.abort();
      },
    });
    await trainExperiment(experiment, { folder: join(folder, 'cut'), resume: true });
    expect(fingerprint(join(folder, 'cut'))).toEqual(fingerprint(join(folder, 'whole')));
  });
});

describe('an experiment', () => {
  const refusal = (change: (experiment: Record<string, never>) => void, model: object): string => {
    const experiment = treeExperiment('data', model) as Record<string, never>;
    change(experiment);
    try {
      validateExperiment(experiment);
    } catch (error) {
      return (error as Error).message;
    }
    return 'no refusal';
  };
  const parallel = (experiment: Record<string, Record<string, Record<string, string>>>): void => {
    experiment.data!.train!.format = 'parallel';
  };

  it.each([{ encoderPosition: 'structural' }, { encoderAttention: 'graph' }])(
    'with %j and data without trees is told which field to change',
    (model) => {
      expect(refusal(parallel as never, model)).toBe(
        'experiment: data.train.format: expected conllu, sources with the trees that the model looks at, got "parallel"',
      );
    },
  );

  it('with trees that nobody looks at is fine', () => {
    expect(refusal(() => {}, {})).toBe('no refusal');
  });

  it('with trees in the decoder is told so', () => {
    expect(refusal(() => {}, { position: 'structural' })).toMatch(
      /model.position: structural: the text that a decoder writes has no tree yet; choose it as encoderPosition/,
    );
  });
});
