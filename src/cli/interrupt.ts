/** Ctrl-C: the first one asks for an orderly end, the second one ends at once. */

/** A signal that is aborted by SIGINT or SIGTERM, and a function that stops listening. */
export function listenForInterrupt(onFirst: () => void): {
  readonly signal: AbortSignal;
  readonly stop: () => void;
} {
  const controller = new AbortController();
  const handler = (): void => {
    if (controller.signal.aborted) process.exit(130);
    controller.abort();
    onFirst();
  };
  process.on('SIGINT', handler);
  process.on('SIGTERM', handler);
  return {
    signal: controller.signal,
    stop: () => {
      process.off('SIGINT', handler);
      process.off('SIGTERM', handler);
    },
  };
}
