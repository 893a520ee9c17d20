/** Stories in which one sentence says what matters, somewhere. */
import { Random } from '../../src/core/random.ts';

export interface Story {
  readonly text: string;
  readonly planted: string;
  readonly query: string;
  /** What the planted sentence says to the query. */
  readonly answer: string;
}

const places = ['lighthouse', 'observatory', 'cathedral', 'library'];

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
  const answer = among(places);
  const planted = `Agent ${agent} hid cipher ${code} under the ${answer}. `;
  const sentences = Array.from({ length: fillers }, filler);
  sentences.splice(from + random.integer(to - from + 1), 0, planted);
  return { text: sentences.join(''), planted, query: 'Where did the agent hide the cipher?', answer };
}

/** As many of the first passages as fit a budget: scores that fall. */
export const headScores = (passages: readonly string[]): number[] => passages.map((_, i) => -i);
