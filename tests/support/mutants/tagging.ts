/** Bugs in tagging. */
import { WindowTagger } from '../../../src/index.ts';
import { spanRules } from '../../../src/metrics/tagging.ts';
import { neighboursChangeNoTag, spansAreWhatConllevalSees } from '../checks/tagging.ts';
import { type Mutant, patch } from './mutant.ts';

export const taggingMutants: readonly Mutant[] = [
  {
    name: 'a tagger sees the sentences beside its own',
    mutate: () =>
      patch(
        WindowTagger.prototype,
        'forward',
        (real) =>
          function (this: WindowTagger, ids) {
            return real.call(this, ids);
          },
      ),
    caughtBy: neighboursChangeNoTag,
  },
  {
    name: 'a span ends only where no tag follows',
    mutate: () => patch(spanRules, 'isNew', () => (before, now) => before.part === 'O' || now.part === 'O'),
    caughtBy: spansAreWhatConllevalSees,
  },
];
