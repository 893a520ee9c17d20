/** Which tokens of a hypothesis differ from its reference. */

/** A token and whether the other side has it in its place. */
export interface DiffToken {
  readonly text: string;
  readonly same: boolean;
}

/** Two texts, token by token. */
export interface TokenDiff {
  readonly hypothesis: readonly DiffToken[];
  readonly reference: readonly DiffToken[];
  /** What stood between the tokens: a space, or nothing for characters. */
  readonly separator: '' | ' ';
}

/**
 * Marks the tokens that differ on a shortest edit path (Levenshtein 1966). Tokens are what spaces
 * separate; two texts without a space are compared by character.
 *
 * @param hypothesis - what the model wrote
 * @param references - what it could have written; the nearest one is compared
 * @returns both sides with their tokens marked
 */
export function diffTokens(hypothesis: string, references: readonly string[]): TokenDiff {
  const candidates = (references.length > 0 ? references : ['']).map((reference) => {
    const separator = /\s/.test(hypothesis.trim()) || /\s/.test(reference.trim()) ? ' ' : '';
    return { separator, ...pairUp(split(hypothesis, separator), split(reference, separator)) } as const;
  });
  return candidates.reduce((best, other) => (other.edits < best.edits ? other : best));
}

function split(text: string, separator: '' | ' '): string[] {
  if (separator === ' ') return text.split(/\s+/).filter((token) => token !== '');
  return Array.from(new Intl.Segmenter().segment(text.trim()), ({ segment }) => segment);
}

/** `distance[i][j]`: fewest edits from the first i tokens of a to the first j of b. */
function distances(a: readonly string[], b: readonly string[]): number[][] {
  const distance = [Array.from({ length: b.length + 1 }, (_, j) => j)];
  for (let i = 1; i <= a.length; i++) {
    const above = distance[i - 1]!;
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = above[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      row.push(Math.min(replaced, above[j]! + 1, row[j - 1]! + 1));
    }
    distance.push(row);
  }
  return distance;
}

function pairUp(a: readonly string[], b: readonly string[]) {
  const distance = distances(a, b);
  const sameA = new Set<number>();
  const sameB = new Set<number>();
  let i = a.length;
  let j = b.length;
  while (i > 0 && j > 0) {
    const here = distance[i]![j]!;
    const equal = a[i - 1] === b[j - 1];
    if (here === distance[i - 1]![j - 1]! + (equal ? 0 : 1)) {
      i--;
      j--;
      if (equal) {
        sameA.add(i);
        sameB.add(j);
      }
    } else if (here === distance[i - 1]![j]! + 1) i--;
    else j--;
  }
  return { edits: distance[a.length]![b.length]!, hypothesis: marked(a, sameA), reference: marked(b, sameB) };
}

function marked(tokens: readonly string[], same: ReadonlySet<number>): DiffToken[] {
  return tokens.map((text, i) => ({ text, same: same.has(i) }));
}
