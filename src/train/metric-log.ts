/**
 * The logs of a run. `metrics.jsonl` holds only what the computation decides, so that a resumed run's file is
 * byte for byte that of an uninterrupted one; wall-clock values go to `timing.jsonl`.
 */
import {
  closeSync,
  existsSync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  openSync,
  readFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { diskProblem } from './atomic.ts';

export type LogEntry = Readonly<Record<string, string | number | null>>;

/** An append-only file of JSON lines. */
class JsonLines {
  private readonly path: string;
  private readonly file: number;
  bytes: number;

  /** @param keep - bytes of an earlier file that stay; the rest is cut off */
  constructor(path: string, keep: number) {
    this.path = path;
    try {
      this.file = openSync(path, existsSync(path) ? 'r+' : 'w+');
      // A file that was shortened or removed by hand must not be filled up with zeros.
      this.bytes = Math.min(keep, fstatSync(this.file).size);
      ftruncateSync(this.file, this.bytes);
    } catch (error) {
      throw diskProblem(path, error);
    }
  }

  append(entry: LogEntry): void {
    const line = Buffer.from(`${JSON.stringify(entry, rounded)}\n`);
    this.guarded(() => {
      let at = 0;
      while (at < line.length) at += writeSync(this.file, line, at, line.length - at, this.bytes + at);
    });
    this.bytes += line.length;
  }

  sync(): void {
    this.guarded(() => fsyncSync(this.file));
  }

  close(): void {
    this.guarded(() => closeSync(this.file));
  }

  private guarded(body: () => void): void {
    try {
      body();
    } catch (error) {
      throw diskProblem(this.path, error);
    }
  }
}

/** Seven digits say all that a float32 knows. */
function rounded(_key: string, value: unknown): unknown {
  return typeof value === 'number' && !Number.isInteger(value) ? Number(value.toPrecision(7)) : value;
}

/** Bytes of the leading lines whose step is not beyond `step`. */
function bytesUpTo(path: string, step: number): number {
  if (!existsSync(path)) return 0;
  let bytes = 0;
  const lines = readFileSync(path, 'utf8').split('\n');
  for (const line of lines.slice(0, -1)) {
    let entry: { step?: number } | undefined;
    try {
      entry = JSON.parse(line) as { step?: number };
    } catch {
      break;
    }
    if ((entry.step ?? 0) > step) break;
    bytes += Buffer.byteLength(line) + 1;
  }
  return bytes;
}

export class MetricLog {
  private readonly metrics: JsonLines;
  private readonly timing: JsonLines;

  /** @param from - where a checkpoint says that the logs stood; the start by default */
  constructor(
    folder: string,
    from: { readonly step: number; readonly bytes: number } = { step: 0, bytes: 0 },
  ) {
    this.metrics = new JsonLines(join(folder, 'metrics.jsonl'), from.bytes);
    const timing = join(folder, 'timing.jsonl');
    this.timing = new JsonLines(timing, from.step === 0 ? 0 : bytesUpTo(timing, from.step));
  }

  /** Length of `metrics.jsonl`, for a checkpoint. */
  get bytes(): number {
    return this.metrics.bytes;
  }

  write(entry: LogEntry): void {
    this.metrics.append(entry);
  }

  writeTiming(entry: LogEntry): void {
    this.timing.append(entry);
  }

  sync(): void {
    this.metrics.sync();
    this.timing.sync();
  }

  close(): void {
    this.metrics.close();
    this.timing.close();
  }
}
