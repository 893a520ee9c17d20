/**
 * The error classes, and the one way in which a message is worded:
 * `<op or Class>: expected <what>, got <what>; hint: <what to do>`.
 *
 * Every class carries a stable `code`, so that a program can branch without reading the text.
 */
import { editDistance } from './edit-distance.ts';

/** The parts of a message. Give `expected` and `got`, or `problem` where nothing was expected. */
export interface ErrorParts {
  /** The op, class, file or configuration path where it happened. */
  readonly where: string;
  readonly expected?: string;
  readonly got?: string;
  readonly problem?: string;
  /** What the reader can do about it. */
  readonly hint?: string;
  /** Overrides the class's default code. */
  readonly code?: string;
  readonly cause?: unknown;
}

function state({ where, problem, expected, got }: ErrorParts): string {
  return `${where}: ${problem ?? `expected ${expected}, got ${got}`}`;
}

function word(parts: ErrorParts): string {
  return `${state(parts)}${parts.hint ? `; hint: ${parts.hint}` : ''}`;
}

/** Base of every error that heed throws on purpose. */
export class HeedError extends Error {
  override readonly name: string = 'HeedError';
  readonly code: string;
  readonly where: string;
  readonly hint: string | undefined;
  /** The message without the hint. */
  readonly statement: string;

  constructor(parts: ErrorParts, defaultCode = 'E_HEED') {
    super(word(parts), parts.cause === undefined ? undefined : { cause: parts.cause });
    this.code = parts.code ?? defaultCode;
    this.where = parts.where;
    this.hint = parts.hint;
    this.statement = state(parts);
  }
}

/** Shapes that do not fit together. */
export class ShapeError extends HeedError {
  override readonly name = 'ShapeError';
  constructor(parts: ErrorParts) {
    super(parts, 'E_SHAPE');
  }
}

/** A tensor of the wrong element type. */
export class DTypeError extends HeedError {
  override readonly name = 'DTypeError';
  constructor(parts: ErrorParts) {
    super(parts, 'E_DTYPE');
  }
}

/** A device that is unknown, not available here, or mixed with another one. */
export class DeviceError extends HeedError {
  override readonly name = 'DeviceError';
  constructor(parts: ErrorParts) {
    super(parts, 'E_DEVICE');
  }
}

/** What an `OutOfMemoryError` is told. */
export interface MemoryParts {
  /** The op, layer or device that asked. */
  readonly where: string;
  /** What was asked for, with its shape where it has one. */
  readonly what: string;
  readonly bytes: number;
  /** Bytes of the tensors that were alive. */
  readonly inUse: number;
  readonly cause?: unknown;
}

/** `16 bytes`, `12,345,678 bytes (11.8 MiB)` */
function exactly(bytes: number): string {
  const all = `${bytes.toLocaleString('en')} ${bytes === 1 ? 'byte' : 'bytes'}`;
  if (bytes < 2 ** 20) return all;
  const digits = { minimumFractionDigits: 1, maximumFractionDigits: 1 };
  return `${all} (${(bytes / 2 ** 20).toLocaleString('en', digits)} MiB)`;
}

/** Memory that the machine does not have. Nothing is lost but what was being computed: the process lives on. */
export class OutOfMemoryError extends DeviceError {
  readonly bytes: number;
  readonly inUse: number;

  constructor({ where, what, bytes, inUse, cause }: MemoryParts) {
    super({
      where,
      problem: `out of memory: no room for ${what} of ${exactly(bytes)} beside ${exactly(inUse)} in use`,
      hint: 'make the model, the batch (data.maxTokens) or the beam smaller',
      code: 'E_OUT_OF_MEMORY',
      cause,
    });
    this.bytes = bytes;
    this.inUse = inUse;
  }

  /** The same, said by someone who knows more of what was asked for. */
  saidBy(where: string, what: string): OutOfMemoryError {
    return new OutOfMemoryError({ where, what, bytes: this.bytes, inUse: this.inUse, cause: this });
  }
}

/** One wrong field of a configuration. */
export interface ConfigIssue {
  /** Dotted path, `model.numHeads`. */
  readonly path: string;
  readonly message: string;
}

/** A configuration or option that cannot be used; lists every bad field at once. */
export class ConfigError extends HeedError {
  override readonly name = 'ConfigError';
  readonly issues: readonly ConfigIssue[];
  constructor(parts: ErrorParts & { readonly issues?: readonly ConfigIssue[] }) {
    super(parts, 'E_CONFIG');
    this.issues = parts.issues ?? [];
  }
}

/**
 * Reports every wrong field or option at once.
 *
 * @throws {ConfigError} when there is any
 */
export function refuseIssues(where: string, issues: readonly ConfigIssue[]): void {
  if (issues.length === 0) return;
  const problem = issues.map(({ path, message }) => `${path}: ${message}`).join('; ');
  throw new ConfigError({ where, problem, issues });
}

/** A file whose bytes are not what its format asks for. */
export class FormatError extends HeedError {
  override readonly name = 'FormatError';
  readonly file: string;
  readonly offset: number | undefined;
  constructor(parts: ErrorParts & { readonly file: string; readonly offset?: number }) {
    super(parts, 'E_FORMAT');
    this.file = parts.file;
    this.offset = parts.offset;
  }
}

/** A tokenizer that is inconsistent, or text that it cannot take. */
export class TokenizerError extends HeedError {
  override readonly name = 'TokenizerError';
  constructor(parts: ErrorParts) {
    super(parts, 'E_TOKENIZER');
  }
}

/** Data that cannot be read as it was announced. */
export class DataError extends HeedError {
  override readonly name = 'DataError';
  readonly file: string;
  /** First line at fault, counted from 1. */
  readonly line: number | undefined;
  constructor(parts: ErrorParts & { readonly file: string; readonly line?: number }) {
    super(parts, 'E_DATA');
    this.file = parts.file;
    this.line = parts.line;
  }
}

/** Training that cannot go on: a loss that is not finite, a folder in use, a disk that is full. */
export class TrainingError extends HeedError {
  override readonly name = 'TrainingError';
  readonly step: number | undefined;
  constructor(parts: ErrorParts & { readonly step?: number }) {
    super(parts, 'E_TRAINING');
    this.step = parts.step;
  }
}

/** The candidate nearest to `name` by edit distance, when it is near enough to be what was meant. */
export function nearestName(name: string, candidates: readonly string[]): string | undefined {
  let best: string | undefined;
  // Of a short name at least one letter must be left, or anything would be near.
  let bestDistance = Math.min(name.length, Math.max(2, Math.floor(name.length / 2)) + 1);
  for (const candidate of candidates) {
    const distance = editDistance(name.toLowerCase(), candidate.toLowerCase());
    if (distance < bestDistance) {
      bestDistance = distance;
      best = candidate;
    }
  }
  return best;
}

/** `did you mean "x"? one of a, b, c` for an unknown name. */
export function suggest(name: string, candidates: readonly string[]): string {
  const near = nearestName(name, candidates);
  return `${near ? `did you mean "${near}"? ` : ''}one of ${candidates.join(', ')}`;
}

/**
 * Checks a name out of a list.
 *
 * @throws {ConfigError} with the nearest one when it is none of them
 */
export function expectName(where: string, name: string, known: readonly string[]): void {
  if (known.includes(name)) return;
  const hint = suggest(String(name), known);
  throw new ConfigError({ where, expected: 'a known name', got: JSON.stringify(name), hint });
}
