/**
 * Folders of files that are complete or not there.
 *
 * A folder is written under a temporary name, every file and the manifest of their SHA-256 sums are made
 * durable, then it is renamed; only then older ones are removed. Reading checks the manifest.
 */
import { existsSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { FormatError } from '../errors.ts';
import { heedVersion } from '../version.ts';
import { diskProblem, makeFolder, removeQuietly, sha256, syncFolder, writeDurably } from './atomic.ts';

const MANIFEST = 'manifest.json';
const TEMPORARY = '.tmp-';

interface Manifest {
  readonly format: 'heed-checkpoint';
  readonly version: 1;
  readonly files: Readonly<Record<string, { readonly bytes: number; readonly sha256: string }>>;
}

/**
 * Writes a folder of files, replacing one of the same name.
 *
 * @throws {TrainingError} when the disk is full or the place not writable; what was there before stays
 */
export function writeFolder(path: string, files: ReadonlyMap<string, Uint8Array>): void {
  const parent = join(path, '..');
  const temporary = join(parent, `${TEMPORARY}${process.pid}-${basename(path)}`);
  try {
    makeFolder(temporary);
    const manifest: Manifest = {
      format: 'heed-checkpoint',
      version: 1,
      files: Object.fromEntries(
        [...files].map(([name, bytes]) => [name, { bytes: bytes.length, sha256: sha256(bytes) }]),
      ),
    };
    for (const [name, bytes] of files) writeDurably(join(temporary, name), bytes);
    writeDurably(
      join(temporary, MANIFEST),
      new TextEncoder().encode(`${JSON.stringify(manifest, null, 2)}\n`),
    );
    syncFolder(temporary);
    replaceFolder(temporary, path);
    syncFolder(parent);
  } catch (error) {
    removeQuietly(temporary);
    throw diskProblem(path, error);
  }
}

function replaceFolder(temporary: string, path: string): void {
  const old = `${temporary}-old`;
  const replaces = existsSync(path);
  if (replaces) renameSync(path, old);
  try {
    renameSync(temporary, path);
  } catch (error) {
    if (replaces) renameSync(old, path);
    throw error;
  }
  if (replaces) removeQuietly(old);
}

/**
 * Reads a folder that `writeFolder` wrote.
 *
 * @throws {FormatError} when a file is missing, cut short or altered
 */
export function readFolder(path: string): Map<string, Uint8Array> {
  const manifest = readManifest(path);
  const files = new Map<string, Uint8Array>();
  for (const [name, { bytes, sha256: expected }] of Object.entries(manifest.files)) {
    const file = join(path, name);
    const damaged = (problem: string): FormatError =>
      new FormatError({
        where: file,
        file,
        problem: `damaged: ${problem}`,
        hint: 'give the folder of the run, so that an older checkpoint can be used',
        code: 'E_CHECKPOINT',
      });
    if (!/^[\w.-]+$/.test(name) || !existsSync(file)) throw damaged('the file is missing');
    const content = readOr(file, damaged);
    if (content.length !== bytes) throw damaged(`${content.length} bytes, the manifest says ${bytes}`);
    if (sha256(content) !== expected) throw damaged('its sha256 differs from the manifest');
    files.set(name, content);
  }
  return files;
}

/** A file's bytes; that the disk does not give them is damage like any other. */
function readOr(file: string, damaged: (problem: string) => FormatError): Uint8Array {
  try {
    return new Uint8Array(readFileSync(file));
  } catch (error) {
    throw damaged(`it cannot be read (${(error as NodeJS.ErrnoException).code})`);
  }
}

function readManifest(path: string): Manifest {
  const file = join(path, MANIFEST);
  const wrong = (problem: string): FormatError =>
    new FormatError({
      where: file,
      file,
      problem,
      hint: 'the folder is not a whole checkpoint',
      code: 'E_CHECKPOINT',
    });
  if (!existsSync(file)) throw wrong('the manifest is missing');
  let manifest: Partial<Manifest>;
  try {
    manifest = JSON.parse(readFileSync(file, 'utf8')) as Partial<Manifest>;
  } catch {
    throw wrong('the manifest is not JSON');
  }
  if (manifest?.format !== 'heed-checkpoint') throw wrong('not a manifest of heed');
  if (manifest.version !== 1) throw newerVersion(file, manifest.version);
  if (!areRecords(manifest.files)) throw wrong('not a manifest of heed');
  return manifest as Manifest;
}

/** Whether every file has its length and sum. */
function areRecords(files: Manifest['files'] | null | undefined): boolean {
  return Object.values(files ?? { missing: null }).every(
    (file) => typeof file?.bytes === 'number' && typeof file.sha256 === 'string',
  );
}

/** Code of a checkpoint that is whole, and of a version that this heed does not know. */
export const VERSION_CODE = 'E_CHECKPOINT_VERSION';

/** The error for a file of another format version: nothing is damaged, so nobody may fall back and go on. */
export function newerVersion(file: string, version: unknown): FormatError {
  return new FormatError({
    where: file,
    file,
    problem: `version ${version}, this heed (${heedVersion}) reads version 1`,
    hint: 'update heed',
    code: VERSION_CODE,
  });
}

/** Numbered folders `step-000123` in one place, newest first. */
export function numberedFolders(place: string): { readonly step: number; readonly path: string }[] {
  if (!existsSync(place)) return [];
  return readdirSync(place)
    .flatMap((name) => {
      const step = /^step-(\d+)$/.exec(name)?.[1];
      return step === undefined ? [] : [{ step: Number(step), path: join(place, name) }];
    })
    .sort((a, b) => b.step - a.step);
}

/** `place/step-000123` */
export function numberedFolder(place: string, step: number): string {
  return join(place, `step-${String(step).padStart(6, '0')}`);
}

/** Removes what a killed process left half written. */
export function removeLeftovers(place: string): void {
  if (!existsSync(place)) return;
  for (const name of readdirSync(place)) {
    if (name.startsWith(TEMPORARY)) rmSync(join(place, name), { recursive: true, force: true });
  }
}
