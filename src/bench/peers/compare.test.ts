/** Rounds in turns, medians, the best of a contender, ratios in both directions, and what is missing. */
import { describe, expect, it } from 'vitest';
import { type Line, measureWork } from './compare.ts';
import type { Variant, Work } from './works.ts';

const variant = (peer: Variant['peer'], name: string): Variant => ({ peer, name, args: [] });
const eager = variant('PyTorch', 'eager');
const compiled = variant('PyTorch', 'compile');
const llama = variant('llama.cpp', 'q8_0');

const work: Work = {
  name: 'work',
  threads: 2,
  ours: ['work'],
  contenders: [
    { name: 'PyTorch', variants: [eager, compiled] },
    { name: 'either', variants: [eager, compiled, llama] },
    { name: 'ONNX Runtime', variants: [variant('ONNX Runtime', '')] },
  ],
  figures: [
    {
      label: 'speed',
      key: 'speed',
      unit: 'tokens/s',
      better: 'higher',
      where: { batch: 32 },
      goals: { either: { atLeast: 2 } },
    },
    { label: 'time', key: 'seconds', unit: 's', better: 'lower', goals: { PyTorch: { atLeast: 1.5 } } },
    { label: 'loss', key: 'loss', unit: 'nats', better: 'lower', goals: { PyTorch: { within: 0.02 } } },
  ],
};

/** Ours and theirs by round; the order of the measurements is kept. */
function scripted(ours: readonly (Line[] | undefined)[], theirs: ReadonlyMap<Variant, readonly Line[]>) {
  const order: string[] = [];
  let round = -1;
  return {
    order,
    measurer: {
      ours: () => {
        round++;
        order.push('ours');
        return ours[round];
      },
      theirs: (_: Work, own: Variant) => {
        order.push(`${own.peer} ${own.name}`);
        const line = theirs.get(own)?.[round];
        return line ? [line] : undefined;
      },
    },
  };
}

const oursOf = (speed: number, seconds: number, loss = 1.51): Line[] => [
  { batch: 1, speed: 1, seconds, loss },
  { batch: 32, speed, seconds, loss },
];
const theirLines = new Map<Variant, Line[]>([
  [eager, [10, 90, 30].map((speed) => ({ batch: 32, speed, seconds: speed / 10, loss: 1.5 }))],
  [compiled, [20, 21, 22].map((speed) => ({ batch: 32, speed, seconds: 2, loss: 1.4 }))],
  // Without a batch of its own it stands for every one.
  [llama, [40, 44, 42].map((speed) => ({ speed }))],
]);

describe('a work beside its peers', () => {
  it('is measured in turns, every variant once a round', () => {
    const { measurer, order } = scripted([oursOf(1, 1), oursOf(1, 1), oursOf(1, 1)], theirLines);
    measureWork(work, 3, measurer);
    expect(order).toHaveLength(15);
    expect(order.slice(0, 5)).toEqual([
      'ours',
      'PyTorch eager',
      'PyTorch compile',
      'llama.cpp q8_0',
      'ONNX Runtime ',
    ]);
    expect(order.slice(5, 10)).toEqual(order.slice(0, 5));
  });

  it('is compared by medians with the best variant, whichever way is better', () => {
    const { measurer } = scripted([oursOf(60, 9), oursOf(84, 1), oursOf(1000, 1.5)], theirLines);
    const [speed, time, loss] = measureWork(work, 3, measurer)!;
    expect(speed!.ours).toEqual({ median: 84, values: [60, 84, 1000] });
    expect(speed!.comparisons).toEqual([
      {
        contender: 'either',
        best: 'llama.cpp q8_0',
        median: 42,
        ratio: 2,
        goal: { atLeast: 2 },
        reached: true,
      },
    ]);
    expect(time!.comparisons).toEqual([
      {
        contender: 'PyTorch',
        best: 'PyTorch compile',
        median: 2,
        ratio: 2 / 1.5,
        goal: { atLeast: 1.5 },
        reached: false,
      },
    ]);
    expect(loss!.comparisons[0]).toMatchObject({ best: 'PyTorch compile', reached: false });
    expect(loss!.comparisons[0]!.ratio).toBeCloseTo(0.11);
  });

  it('keeps the rounds that were finished when our half fails', () => {
    const { measurer, order } = scripted(
      [oursOf(60, 1), oursOf(70, 1), undefined, oursOf(80, 1)],
      theirLines,
    );
    const [speed] = measureWork(work, 4, measurer)!;
    expect(speed!.ours.values).toEqual([60, 70]);
    expect(speed!.peers.map(({ values }) => values.length)).toEqual([2, 2, 2]);
    expect(order.at(-1)).toBe('ours');
  });

  it('says how many rounds a peer has that failed in some', () => {
    const some = new Map(theirLines).set(compiled, [theirLines.get(compiled)![0]!]);
    const [speed, time] = measureWork(
      work,
      3,
      scripted([oursOf(60, 1), oursOf(60, 1), oursOf(60, 1)], some).measurer,
    )!;
    expect(speed!.incomplete).toEqual({ 'PyTorch compile': 1 });
    expect(time!.incomplete).toEqual({ 'PyTorch compile': 1 });
    const whole = scripted([oursOf(60, 1)], theirLines).measurer;
    expect(measureWork(work, 1, whole)![0]!.incomplete).toEqual({});
  });

  it('wants a loss that is near, not a lower one', () => {
    const verdict = (loss: number) =>
      measureWork(work, 1, scripted([oursOf(60, 1, loss)], theirLines).measurer)![2]!.comparisons[0]!.reached;
    expect([1.37, 1.385, 1.415, 1.43].map(verdict)).toEqual([false, true, true, false]);
  });

  it('has a limit where there is no peer: the largest of all lines', () => {
    const figures = [
      { ...work.figures[0]!, key: 'over', better: 'lower', largest: true, goals: {}, atMost: 1.5 } as const,
    ];
    const alone = { ...work, contenders: [], figures };
    const rowOf = (over: number) => {
      const lines = [{ over: '' }, { over: 1.1 }, { over }, { over: 0.7 }];
      return measureWork(alone, 1, scripted([lines], new Map()).measurer)![0]!;
    };
    expect(rowOf(1.4)).toMatchObject({ ours: { median: 1.4 }, limit: { atMost: 1.5, reached: true } });
    expect(rowOf(1.6).limit).toEqual({ atMost: 1.5, reached: false });
    const { measurer } = scripted([oursOf(1, 1)], theirLines);
    expect(measureWork(work, 1, measurer)![0]!.limit).toBeNull();
  });

  it('leaves out what is missing, and is left out itself without our half', () => {
    const only = new Map([[eager, theirLines.get(eager)!]]);
    const [speed] = measureWork(
      work,
      3,
      scripted([oursOf(60, 1), oursOf(60, 1), oursOf(60, 1)], only).measurer,
    )!;
    expect(speed!.peers.map(({ peer, variant: name }) => `${peer} ${name}`)).toEqual(['PyTorch eager']);
    expect(speed!.comparisons[0]).toMatchObject({ best: 'PyTorch eager', median: 30, ratio: 2 });
    expect(measureWork(work, 3, scripted([undefined], theirLines).measurer)).toBeUndefined();
  });
});
