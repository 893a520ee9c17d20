/**
 * How much memory the system can still give. Linux promises more than it has and ends the process that touches what is
 * not there; a request that goes beyond is refused before.
 */
import { controlGroups, type ReadText, readText } from './system-files.ts';

/** Looked at again when this share of what was free has been taken. */
const SHARE = 1 / 8;

function numberAfter(name: string, text: string | undefined): number {
  return Number(new RegExp(`^${name}:?\\s+(\\d+)`, 'm').exec(text ?? '')?.[1]);
}

/** What a control group leaves, files that it can drop included; no limit where it has none. */
function leftIn(folder: string, read: ReadText): number {
  const limit = Number(read(`${folder}/memory.max`));
  const statistics = read(`${folder}/memory.stat`);
  const files = numberAfter('active_file', statistics) + numberAfter('inactive_file', statistics);
  const left = limit - Number(read(`${folder}/memory.current`)) + files;
  return Number.isNaN(left) ? Number.POSITIVE_INFINITY : left;
}

/** Bytes that the system and the control groups of the process have left; no limit where they do not say. */
export function freeMemory(read: ReadText = readText): number {
  const system = read('/proc/meminfo');
  const left = 1024 * (numberAfter('MemAvailable', system) + numberAfter('SwapFree', system));
  const groups = controlGroups(read).map((folder) => leftIn(folder, read));
  return Math.min(Number.isNaN(left) ? Number.POSITIVE_INFINITY : left, ...groups);
}

/** An allocator that throws where the system has less left than is asked for. */
export function withinFreeMemory<T>(
  allocate: (bytes: number) => T,
  free: () => number = freeMemory,
): (bytes: number) => T {
  let granted = 0;
  return (bytes) => {
    if (bytes > granted) {
      const left = free();
      if (bytes > left) throw new Error(`the system has ${left} bytes left`);
      granted = Math.max(bytes, left * SHARE);
    }
    granted -= bytes;
    return allocate(bytes);
  };
}
