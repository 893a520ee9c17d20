/** Where the programs of the peers are: an interpreter, a compiled file, or the reason why there is none. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { PeerName } from './works.ts';

/** A program to start: command, leading arguments, environment. */
export interface Program {
  readonly command: string;
  readonly args: readonly string[];
  /** Arguments that follow those of a variant. */
  readonly trailing?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

/** Why a peer cannot be measured here. */
export interface Missing {
  readonly missing: string;
}

/** Where to look. */
export interface SearchOptions {
  /** The Python that has PyTorch; HEED_PYTHON or `bench/peers/venv` otherwise. */
  readonly python?: string;
  /** The folder of the peers' halves. */
  readonly folder?: string;
}

const packageRoot = fileURLToPath(new URL('../../../', import.meta.url));

/** The folder of the peers' halves in a checkout. */
export const peersFolder = join(packageRoot, 'bench', 'peers');
const buildFolder = join(packageRoot, 'build', 'peers');

/** The first line of what a failed command said, of a Python traceback the last one. */
export function reasonOf(error: unknown): string {
  const { stderr, message } = error as { stderr?: string; message: string };
  const lines = (stderr || message).trim().split('\n');
  return (lines.findLast((line) => /error/i.test(line)) ?? lines[0]!).trim();
}

function pyTorch(folder: string, python?: string): Program | Missing {
  const command = python ?? process.env.HEED_PYTHON ?? join(folder, 'venv', 'bin', 'python');
  try {
    execFileSync(command, ['-c', 'import torch'], { encoding: 'utf8', stdio: 'pipe' });
  } catch (error) {
    return { missing: `${command}: ${reasonOf(error)}` };
  }
  // Threads that wait by spinning collapse when anything else runs.
  return { command, args: [], env: { OMP_WAIT_POLICY: 'passive', GOMP_SPINCOUNT: '0' } };
}

/** Compiles a C program against a library of the system, once. */
function compiled(folder: string, name: string, flags: readonly string[], debian: string): Program | Missing {
  const [source, header] = [join(folder, `${name}.c`), join(folder, 'gemm.h')];
  const target = join(buildFolder, name);
  const newest = Math.max(...[source, header].map((file) => statSync(file).mtimeMs));
  if (!existsSync(target) || statSync(target).mtimeMs < newest) {
    mkdirSync(buildFolder, { recursive: true });
    try {
      const args = ['-O2', '-o', target, source, ...flags];
      execFileSync(process.env.CC ?? 'cc', args, { encoding: 'utf8', stdio: 'pipe' });
    } catch (error) {
      return { missing: `does not compile (Debian: ${debian}): ${reasonOf(error)}` };
    }
  }
  return { command: target, args: [] };
}

function script(
  folder: string,
  packageName: string,
  file: string,
  node = process.execPath,
): Program | Missing {
  if (!existsSync(join(folder, 'node_modules', packageName))) {
    return { missing: `${packageName} is not installed in bench/peers (npm install there)` };
  }
  return { command: node, args: [join(folder, file)] };
}

function jaxJs(folder: string): Program | Missing {
  const own = join(folder, 'node_modules', '.bin', 'node');
  const isOld = Number(process.versions.node.split('.')[0]) < 22;
  if (isOld && !existsSync(own)) return { missing: 'it needs Node 22 (npm install in bench/peers)' };
  return script(folder, '@jax-js/jax', 'jax-js.mjs', isOld ? own : process.execPath);
}

const finders: Readonly<Record<PeerName, (folder: string, python?: string) => Program | Missing>> = {
  PyTorch: pyTorch,
  OpenBLAS: (folder) => compiled(folder, 'gemm_openblas', ['-lopenblas'], 'libopenblas-dev'),
  oneDNN: (folder) => compiled(folder, 'gemm_onednn', ['-fopenmp', '-ldnnl'], 'libdnnl-dev'),
  'llama.cpp': (folder) => {
    const found = script(folder, 'node-llama-cpp', 'llama.mjs');
    return 'missing' in found ? found : { ...found, trailing: [buildFolder] };
  },
  'ONNX Runtime': (folder) => script(folder, 'onnxruntime-node', 'onnxruntime.mjs'),
  'TensorFlow.js': (folder) => script(folder, '@tensorflow/tfjs-backend-wasm', 'tfjs.mjs'),
  'jax-js': jaxJs,
};

/** Names of all peers. */
export const peerNames = Object.keys(finders) as readonly PeerName[];

/** The program of a peer, or why there is none. */
export function findProgram(peer: PeerName, options: SearchOptions = {}): Program | Missing {
  const folder = options.folder ?? peersFolder;
  if (!existsSync(folder))
    return { missing: `${folder} is not here: the peers' halves are in a checkout of heed` };
  return finders[peer](folder, options.python);
}
