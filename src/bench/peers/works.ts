/** What is compared with whom, and how much faster heed has to be: one table. */
import { type GemmShape, gemmShapes, shapeName } from '../gemm.ts';

/** The programs that heed is measured against; `bench/peers` has the other half of each. */
export type PeerName =
  | 'PyTorch'
  | 'OpenBLAS'
  | 'oneDNN'
  | 'llama.cpp'
  | 'ONNX Runtime'
  | 'TensorFlow.js'
  | 'jax-js';

/** One way in which a peer does the work. */
export interface Variant {
  readonly peer: PeerName;
  /** `sdpa`, `q8_0`; empty where there is only one. */
  readonly name: string;
  /** Arguments of the peer's program; the first one names its script, where it has several. */
  readonly args: readonly string[];
}

/** Those whose best is compared with heed. */
export interface Contender {
  readonly name: string;
  readonly variants: readonly Variant[];
}

/** By which factor heed has to be better, or how near its value has to be. */
export type Goal = { readonly atLeast: number } | { readonly within: number };

/** A number of the JSON lines that both halves print. */
export interface Figure {
  readonly label: string;
  readonly key: string;
  readonly unit: string;
  readonly better: 'higher' | 'lower';
  /** Which of several lines: a field that a line has must be equal. */
  readonly where?: Readonly<Record<string, string | number>>;
  /** Of several lines that fit the largest value, instead of the first line's. */
  readonly largest?: boolean;
  /** By contender; none where the peer is only shown. */
  readonly goals: Readonly<Record<string, Goal>>;
  /** What heed's value may be at most, where there is no peer. */
  readonly atMost?: number;
}

/** What must be there for heed's half; without it the work is skipped by name. */
export type Requirement = 'bf16' | 'wasm' | 'text file';

/** One work: commands and figures. */
export interface Work {
  readonly name: string;
  readonly threads: number;
  /** `heed bench` with these arguments; the first one names the benchmark. */
  readonly ours: readonly string[];
  readonly needs?: Requirement;
  readonly contenders: readonly Contender[];
  readonly figures: readonly Figure[];
}

const THREADS = 2;
/** Steps, batches or prompts of one measurement; its median is one value of a round. */
const REPEATS = { train: '7', decode: '9', gpt2: '2' } as const;
const threadArgs = ['--threads', String(THREADS)];

function pyTorch(script: string, args: readonly string[], variants: readonly string[]): Variant[] {
  return variants.map((name) => ({
    peer: 'PyTorch',
    name,
    args: [`${script}.py`, ...args, '--variant', name, ...threadArgs],
  }));
}

const tokenRate = (key: string, label: string) =>
  ({ label, key, unit: 'tokens/s', better: 'higher' }) as const;

function training(shape: 'base256' | 'tiny', precision: 'fp32' | 'bf16', atLeast: number): Work {
  const repeats = ['--rounds', REPEATS.train];
  const args = ['train', shape, '--precision', precision, ...repeats];
  const memory = {
    label: `peak memory of training ${shape}`,
    key: 'peakProcessBytes',
    unit: 'bytes',
    better: 'lower',
  } as const;
  return {
    name: `train-${shape}${precision === 'bf16' ? '-bf16' : ''}`,
    threads: THREADS,
    ours: [`train-${shape}`, '--precision', precision, ...repeats],
    ...(precision === 'bf16' ? { needs: 'bf16' as const } : {}),
    contenders: [{ name: 'PyTorch', variants: pyTorch('torch_seq2seq', args, ['eager', 'sdpa', 'compile']) }],
    figures: [
      {
        ...tokenRate('targetTokensPerSecond', `training ${shape}, ${precision}`),
        goals: { PyTorch: { atLeast } },
      },
      ...(shape === 'base256' && precision === 'fp32'
        ? [{ ...memory, goals: { PyTorch: { atLeast: 1 } } }]
        : []),
    ],
  };
}

/** Run as it is written, and compiled beforehand, in time that nobody counts. */
function writtenAndCompiled(script: string, args: readonly string[]): Contender[] {
  return [
    { name: 'PyTorch', variants: pyTorch(script, args, ['eager', 'sdpa']) },
    { name: 'compiled', variants: pyTorch(script, args, ['compile']) },
  ];
}

const decoding: Work = {
  name: 'decode-base256',
  threads: THREADS,
  ours: ['decode-base256', '--rounds', REPEATS.decode],
  contenders: writtenAndCompiled('torch_seq2seq', ['decode', 'base256', '--rounds', REPEATS.decode]),
  figures: (
    [
      [1, 4],
      [32, 3],
    ] as const
  ).map(([batch, atLeast]) => ({
    ...tokenRate('tokensPerSecond', `greedy decoding base256, batch ${batch}`),
    where: { batch, precision: 'fp32' },
    goals: { PyTorch: { atLeast } },
  })),
};

function gpt2(): Work {
  const pair = 'PyTorch or llama.cpp';
  const precisions = ['fp32', 'int8', 'int4'] as const;
  const llama = (['f32', 'q8_0', 'q4_0'] as const).map((type) => ({
    peer: 'llama.cpp' as const,
    name: type,
    args: ['llama.mjs', type, String(THREADS), REPEATS.gpt2],
  }));
  const onnx = precisions.map((precision) => ({
    peer: 'ONNX Runtime' as const,
    name: precision,
    args: ['onnxruntime-gpt2.mjs', precision, String(THREADS), REPEATS.gpt2],
  }));
  const torch = pyTorch('torch_gpt2', ['--rounds', REPEATS.gpt2], ['eager', 'sdpa']);
  return {
    name: 'decode-gpt2',
    threads: THREADS,
    ours: ['decode-gpt2', '--rounds', REPEATS.gpt2],
    contenders: [
      { name: pair, variants: [...torch, ...llama] },
      { name: 'PyTorch', variants: torch },
      { name: 'ONNX Runtime', variants: onnx },
    ],
    figures: [
      ...precisions.map((precision) => ({
        ...tokenRate('decodeTokensPerSecond', `GPT-2-124M decoding, ${precision}`),
        where: { precision },
        goals: { [pair]: { atLeast: 1.1 } },
      })),
      {
        ...tokenRate('prefillTokensPerSecond', 'GPT-2-124M reading 512 tokens, fp32'),
        where: { precision: 'fp32' },
        goals: { PyTorch: { atLeast: 1 } },
      },
    ],
  };
}

const charGpt: Work = {
  name: 'char-gpt',
  threads: THREADS,
  ours: ['char-gpt'],
  needs: 'text file',
  contenders: writtenAndCompiled('torch_char_gpt', []),
  figures: [
    {
      label: 'char-GPT, 2000 steps',
      key: 'seconds',
      unit: 's',
      better: 'lower',
      goals: { PyTorch: { atLeast: 1.5 } },
    },
    {
      label: 'char-GPT, validation loss',
      key: 'validationLoss',
      unit: 'nats',
      better: 'lower',
      goals: { PyTorch: { within: 0.02 } },
    },
  ],
};

const product = { key: 'gflops', unit: 'GFLOP/s', better: 'higher' } as const;

/** So many products that a measurement takes a good part of a second. */
function productRounds({ m, n, k }: GemmShape): string {
  return String(Math.max(5, Math.min(600, Math.round(2e10 / (2 * m * n * k)))));
}

function gemm(shape: GemmShape, threads: number): Work {
  const { m, n, k, transposeA = false, transposeB = false } = shape;
  const rounds = productRounds(shape);
  const args = [m, n, k, Number(transposeA), Number(transposeB), threads].map(String);
  const library = (peer: PeerName): Contender => ({
    name: peer,
    variants: [{ peer, name: '', args: [...args, rounds] }],
  });
  const goals = { oneDNN: { atLeast: 0.95 }, OpenBLAS: { atLeast: 1 } };
  // ONNX Runtime is only shown, where it multiplies what is not transposed.
  const isSquare = m === 1024 && n === m && k === m && threads === 1;
  const onnx: Contender = {
    name: 'ONNX Runtime',
    variants: [
      { peer: 'ONNX Runtime', name: '', args: ['onnxruntime.mjs', ...[m, n, k].map(String), rounds] },
    ],
  };
  return {
    name: `gemm-${shapeName(shape)}-${threads}`,
    threads,
    ours: ['gemm', '--shape', shapeName(shape), '--rounds', rounds],
    contenders: [library('oneDNN'), library('OpenBLAS'), ...(isSquare ? [onnx] : [])],
    figures: [
      {
        ...product,
        label: `product ${shapeName(shape)}, ${threads === 1 ? '1 thread' : `${threads} threads`}`,
        goals,
      },
    ],
  };
}

const wasmGemm: Work = {
  name: 'gemm-wasm',
  threads: 1,
  ours: ['gemm', '--shape', '1024x1024x1024', '--device', 'wasm', '--rounds', '9'],
  needs: 'wasm',
  contenders: (
    [
      ['TensorFlow.js', 'tfjs.mjs'],
      ['jax-js', 'jax-js.mjs'],
    ] as const
  ).map(([peer, script]) => ({
    name: peer,
    variants: [{ peer, name: '', args: [script, '1024', '1024', '1024', '9'] }],
  })),
  figures: [
    {
      ...product,
      label: 'product 1024x1024x1024 in WebAssembly, 1 thread',
      goals: { 'TensorFlow.js': { atLeast: 1.2 }, 'jax-js': { atLeast: 1.2 } },
    },
  ],
};

/** How a layer's cost grows has no peer: the trend through its neighbours says what a size should take. */
const scaling: Work = {
  name: 'scaling',
  threads: THREADS,
  ours: ['scaling', '--rounds', '7'],
  contenders: [],
  figures: [
    {
      ...{ label: 'cost as work grows: most that a size takes over the trend', key: 'overTrend', unit: '×' },
      ...{ better: 'lower', largest: true, goals: {}, atMost: 1.5 },
    },
  ],
};

/** Every work, in the order in which they are measured and shown. */
export const works: readonly Work[] = [
  training('base256', 'fp32', 1.5),
  training('tiny', 'fp32', 1.5),
  training('base256', 'bf16', 2),
  training('tiny', 'bf16', 2),
  decoding,
  gpt2(),
  charGpt,
  scaling,
  ...gemmShapes.flatMap((shape) => [gemm(shape, 1), gemm(shape, 2)]),
  wasmGemm,
];
