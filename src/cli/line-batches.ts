/** Lines in groups, so that a file is translated in large batches and a person typing gets an answer at once. */

type Arrival<T> = { readonly line: T } | 'end' | { readonly failure: unknown };

function next<T>(lines: AsyncGenerator<T>): Promise<Arrival<T>> {
  return lines.next().then(
    ({ value, done }) => (done ? 'end' : { line: value }),
    (failure: unknown) => ({ failure }),
  );
}

/** Resolves once everything that has arrived has been handled. */
function idle(): Promise<'idle'> {
  return new Promise((resolve) => setTimeout(resolve, 20, 'idle'));
}

/**
 * Groups of as many lines as are there already, at most `most`.
 *
 * @throws what `lines` throws, after the group of the lines before it
 */
export async function* lineBatches<T>(lines: AsyncGenerator<T>, most: number): AsyncGenerator<T[]> {
  let batch: T[] = [];
  let pending = next(lines);
  for (;;) {
    const arrival = batch.length > 0 ? await Promise.race([pending, idle()]) : await pending;
    const isLine = typeof arrival === 'object' && 'line' in arrival;
    if (isLine) {
      batch.push(arrival.line);
      pending = next(lines);
    }
    if (batch.length > 0 && (!isLine || batch.length >= most)) {
      yield batch;
      batch = [];
    }
    if (arrival === 'end') return;
    if (typeof arrival === 'object' && 'failure' in arrival) throw arrival.failure;
  }
}
