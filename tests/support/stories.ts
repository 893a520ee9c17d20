/** Stories in which one sentence says what matters, somewhere. */
import { Random } from '../../src/core/random.ts';

export interface Story {
  readonly text: string;
  readonly planted: string;
  readonly query: string;
  /** What the planted sentence says to the query. */
  readonly answer: string;
}

/** The answers of stories. */
export const storyPlaces = ['lighthouse', 'observatory', 'cathedral', 'library'];

/**
 * Fillers of ten words with a sentence of eight among them.
 *
 * @param fillers - how many there are
 * @param from - fillers that stand before the planted sentence at the least
 * @param to - and at the most
 */
export function story(seed: number, { fillers = 60, from = 20, to = 49 } = {}): Story {
  const random = new Random(seed, 'story');
  const among = (list: readonly string[]): string => list[random.integer(list.length)]!;
  const some = (list: string): string => among(list.split(' '));
  const filler = (): string =>
    `The ${some('old young tall quiet happy')} ${some('man woman child dog horse')} ${some('walks runs sits waits sings')} near the ${some('river house garden road hill')} in the ${some('morning evening summer winter rain')}. `;
  const code = 1000 + random.integer(9000);
  const agent = some('Falcon Heron Osprey Kestrel');
  const answer = among(storyPlaces);
  const planted = `Agent ${agent} hid cipher ${code} under the ${answer}. `;
  const sentences = Array.from({ length: fillers }, filler);
  sentences.splice(from + random.integer(to - from + 1), 0, planted);
  return { text: sentences.join(''), planted, query: 'Where did the agent hide the cipher?', answer };
}

/** Which sentence is planted: one of words that no other has, or one of the words of the others. */
export type Planted = 'outlier' | 'summary';

/**
 * Sentences of eight words, one of which matters. Beside an outlier, a fifth of all words are rare as well; what a summary
 * says stands in eight other sentences, whose words meet by chance too.
 *
 * @param answer - a word that only the planted sentence has, if there is one
 */
export function plantedStory(
  seed: number,
  planted: Planted,
  { fillers = 30, answer }: { readonly fillers?: number; readonly answer?: string } = {},
): { readonly text: string; readonly planted: string } {
  const random = new Random(seed, `planted/${planted}`);
  const LENGTH = 8;
  const places = Array.from({ length: LENGTH }, (_, i) => i);
  const common = (): string => `common${random.integer(40)}`;
  const word = (): string => {
    if (planted === 'summary') return `word${random.integer(120)}`;
    return random.integer(5) === 0 ? `rare${random.integer(2000)}` : common();
  };
  const sentences = Array.from({ length: fillers }, () => places.map(word));
  const from = random.shuffle([...sentences.keys()]);
  const own = places.map((i) => {
    if (answer !== undefined && i === 0) return answer;
    if (planted === 'summary') return sentences[from[i]!]![random.integer(LENGTH)]!;
    return i < 6 ? `only${i}x${seed}` : common();
  });
  const said = [...sentences, own].map((words) => `${words.join(' ')}. `);
  const mine = said.pop()!;
  said.splice(random.integer(fillers + 1), 0, mine);
  return { text: said.join(''), planted: mine };
}

/** As many of the first passages as fit a budget: scores that fall. */
export const headScores = (passages: readonly string[]): number[] => passages.map((_, i) => -i);
