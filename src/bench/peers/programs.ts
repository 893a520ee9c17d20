/** Where the programs of the peers are: an interpreter, a compiled file, or the reason why there is none. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { PeerName } from './works.ts';

/** A program to start: command, arguments around those of a variant, environment. */
export interface Program {
  readonly command: string;
  /** Where the script is that a variant's first argument names. */
  readonly scripts?: string;
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

/** The folder of heed. */
export const packageRoot = fileURLToPath(new URL('../../../', import.meta.url));

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
  return { command, scripts: folder, env: { OMP_WAIT_POLICY: 'passive', GOMP_SPINCOUNT: '0' } };
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
  return { command: target };
}

function scripts(folder: string, packageName: string, command = process.execPath): Program | Missing {
  if (!existsSync(join(folder, 'node_modules', packageName))) {
    return { missing: `${packageName} is not installed in bench/peers (npm install there)` };
  }
  // Models that are written once go into the last argument.
  return { command, scripts: folder, trailing: [buildFolder] };
}

function jaxJs(folder: string): Program | Missing {
  const own = join(folder, 'node_modules', '.bin', 'node');
  const isOld = Number(process.versions.node.split('.')[0]) < 22;
  if (isOld && !existsSync(own)) return { missing: 'it needs Node 22 (npm install in bench/peers)' };
  return scripts(folder, '@jax-js/jax', isOld ? own : process.execPath);
}

const finders: Readonly<Record<PeerName, (folder: string, python?: string) => Program | Missing>> = {
  PyTorch: pyTorch,
  OpenBLAS: (folder) => compiled(folder, 'gemm_openblas', ['-lopenblas'], 'libopenblas-dev'),
  oneDNN: (folder) => compiled(folder, 'gemm_onednn', ['-fopenmp', '-ldnnl'], 'libdnnl-dev'),
  'llama.cpp': (folder) => scripts(folder, 'node-llama-cpp'),
  'ONNX Runtime': (folder) => scripts(folder, 'onnxruntime-node'),
  'TensorFlow.js': (folder) => scripts(folder, '@tensorflow/tfjs-backend-wasm'),
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
