/** Lines in groups, so that a file is translated in large batches and a person typing gets an answer at once. */

type Arrival = { readonly line: string } | 'end' | { readonly failure: unknown };

function next(lines: AsyncGenerator<string>): Promise<Arrival> {
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
export async function* lineBatches(lines: AsyncGenerator<string>, most: number): AsyncGenerator<string[]> {
  let batch: string[] = [];
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
