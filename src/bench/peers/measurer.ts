/** Runs either half of a work as a process of its own and reads its JSON lines; notes what is missing. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import type { Line, Measurer } from './compare.ts';
import { findProgram, type Missing, type Program, reasonOf, type SearchOptions } from './programs.ts';
import type { PeerName, Requirement, Variant, Work } from './works.ts';

/** What could not be measured, or not in every round, and why. */
export interface Skip {
  /** The work, or the peer. */
  readonly name: string;
  readonly reason: string;
  /** Of which works. */
  readonly works: readonly string[];
}

/** How heed's half is started, and what this machine has. */
export interface MeasurerOptions extends SearchOptions {
  /** Command and leading arguments of the command line of heed. */
  readonly heed: readonly string[];
  /** Why heed's half of some works cannot be measured here; undefined where it can. */
  readonly lacks: (need: Requirement) => string | undefined;
  /** Text file for the works that need one. */
  readonly data?: string | undefined;
}

/** The user has pressed Ctrl-C, which the process that was running got as well. */
export class Interrupted extends Error {}

const MINUTES = 30;

function isRecord(value: unknown): value is Line {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

const successKey = (name: string, work: string): string => `${work}: ${name}`;

/** The JSON objects among the lines of a program's output. */
export function jsonLinesOf(text: string): Line[] {
  return text.split('\n').flatMap((line) => {
    if (!line.startsWith('{')) return [];
    try {
      const value: unknown = JSON.parse(line);
      return isRecord(value) ? [value] : [];
    } catch {
      return [];
    }
  });
}

/** Measures in processes; the versions that the halves name, and what was skipped, are kept. */
export class ProcessMeasurer implements Measurer {
  readonly versions = new Map<string, string>();
  private readonly options: MeasurerOptions;
  private readonly programs = new Map<PeerName, Program | Missing>();
  private readonly failures = new Map<string, { name: string; reason: string; works: Set<string> }>();
  /** Name and work of what was measured at least once. */
  private readonly successes = new Set<string>();

  constructor(options: MeasurerOptions) {
    this.options = options;
  }

  /** What has no figures, by name and reason. */
  get skipped(): Skip[] {
    return this.failuresWhere((key) => !this.successes.has(key));
  }

  /** What failed in some rounds and has figures of others, by name and reason. */
  get failed(): Skip[] {
    return this.failuresWhere((key) => this.successes.has(key));
  }

  ours(work: Work): readonly Line[] | undefined {
    const lacking = work.needs && this.options.lacks(work.needs);
    if (lacking) return this.skip(work.name, lacking, work);
    const [command, ...leading] = this.options.heed as [string, ...string[]];
    const args = [
      ...leading,
      'bench',
      ...work.ours,
      ...this.dataOf(work),
      '--threads',
      String(work.threads),
      '--json',
    ];
    return this.run({ command }, args, work.name, work);
  }

  theirs(work: Work, variant: Variant): readonly Line[] | undefined {
    const program = this.programOf(variant.peer);
    if ('missing' in program) return this.skip(variant.peer, program.missing, work);
    const [first, ...rest] = variant.args as [string, ...string[]];
    const named = program.scripts === undefined ? first : join(program.scripts, first);
    const args = [named, ...rest, ...this.dataOf(work)];
    const lines = this.run(program, args, `${variant.peer} ${variant.name}`.trim(), work);
    const version = lines?.[0]?.version;
    if (typeof version === 'string') this.versions.set(variant.peer, version);
    return lines;
  }

  private dataOf(work: Work): string[] {
    return work.needs === 'text file' && this.options.data ? ['--data', this.options.data] : [];
  }

  private programOf(peer: PeerName): Program | Missing {
    const known = this.programs.get(peer) ?? findProgram(peer, this.options);
    this.programs.set(peer, known);
    return known;
  }

  private run(
    program: Program,
    args: readonly string[],
    name: string,
    work: Work,
  ): readonly Line[] | undefined {
    const given = [...args, ...(program.trailing ?? [])];
    const env = { ...process.env, ...program.env };
    const done = spawnSync(program.command, given, { encoding: 'utf8', env, timeout: MINUTES * 60_000 });
    const lines = done.status === 0 ? jsonLinesOf(done.stdout) : [];
    if (lines.length > 0) {
      this.successes.add(successKey(name, work.name));
      return lines;
    }
    if (done.signal === 'SIGINT') throw new Interrupted();
    const failure = done.error ?? {
      stderr: done.stderr,
      message: `it ended with ${done.signal ?? done.status}`,
    };
    return this.skip(name, done.status === 0 ? 'it printed no figures' : reasonOf(failure), work);
  }

  private skip(name: string, reason: string, work: Work): undefined {
    const key = `${name}: ${reason}`;
    const known = this.failures.get(key) ?? { name, reason, works: new Set<string>() };
    known.works.add(work.name);
    this.failures.set(key, known);
    return undefined;
  }

  private failuresWhere(fits: (key: string) => boolean): Skip[] {
    return [...this.failures.values()]
      .map(({ name, reason, works }) => ({
        ...{ name, reason },
        works: [...works].filter((work) => fits(successKey(name, work))),
      }))
      .filter(({ works }) => works.length > 0);
  }
}
