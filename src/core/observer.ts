/** Who watches which op of the tape is running: `heed bench --profile`. */

/** Told when an op begins and ends; ops inside ops come between. Backward is its own op, `matmul.backward`. */
export interface OpObserver {
  enter(op: string): void;
  leave(): void;
}

let observer: OpObserver | undefined;

/** Runs `body` while `watcher` is told of every op. */
export function observeOps<T>(watcher: OpObserver, body: () => T): T {
  const before = observer;
  observer = watcher;
  try {
    return body();
  } finally {
    observer = before;
  }
}

/** Not for users: runs the body of an op, and tells who watches. */
export function observed<T>(op: string, body: () => T): T {
  if (!observer) return body();
  const watcher = observer;
  watcher.enter(op);
  try {
    return body();
  } finally {
    watcher.leave();
  }
}
