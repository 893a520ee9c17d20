/** Bugs in additive heads, and in attention to trees and graphs. */
import {
  BatchStructure,
  concat,
  GraphAttention,
  MultiHeadAttention,
  permute,
  slice,
  type Tensor,
} from '../../../src/index.ts';
import { Padded } from '../../../src/nn/attention/padded.ts';
import { ExtendedVocabulary } from '../../../src/tokenizers/extended-vocabulary.ts';
import {
  copiedLabelsHaveTheirProbabilities,
  copiesByTheFormula,
  unknownWordsComeBack,
} from '../checks/copy.ts';
import { graphGradientsAreDifferences, graphsEqualLoops } from '../checks/graphs.ts';
import { additiveHeadsEqualLoops } from '../checks/scores.ts';
import { treeEdgesEqualLoops, treesStayWithTheirTextsTogether } from '../checks/source-trees.ts';
import { edgesHideNodes } from '../checks/structure.ts';
import { type Mutant, mutateOp, mutateParams, patch } from './mutant.ts';

type GraphForward = GraphAttention['forward'];

/** Plants a bug in what attention over graphs is called with. */
function mutateGraphs(change: (real: GraphForward) => GraphForward): () => () => void {
  return () =>
    patch(
      GraphAttention.prototype,
      'forward',
      (real) =>
        function (this: GraphAttention, ...given: Parameters<GraphForward>) {
          return change(real.bind(this))(...given);
        },
    );
}

export const structureMutants: readonly Mutant[] = [
  {
    name: 'additive heads use the vector of the next head',
    mutate: mutateOp<object, 'reference'>('additiveAttention', 'reference', (real) => (inputs, p) => {
      const turned = concat([slice(inputs[3]!, 0, 1), slice(inputs[3]!, 0, 0, 1)], 0);
      return real([...inputs.slice(0, 3), turned, ...inputs.slice(4)] as Tensor[], p);
    }),
    caughtBy: additiveHeadsEqualLoops,
  },
  {
    name: 'additive attention sees one key of the future',
    mutate: mutateParams<{ reach: number }>('additiveAttention', 'reference', (p) => ({
      ...p,
      reach: p.reach + 1,
    })),
    caughtBy: additiveHeadsEqualLoops,
  },
  {
    name: 'a graph whose edges are not looked at',
    mutate: () =>
      patch(
        MultiHeadAttention.prototype,
        'forward',
        (real) =>
          function (this: MultiHeadAttention, x, memory, options = {}) {
            return real.call(this, x, memory, { ...options, mask: null });
          },
      ),
    caughtBy: edgesHideNodes,
  },
  {
    name: 'what is known of edges is not looked at',
    mutate: mutateGraphs((real) => (x, edges) => real(x, edges)),
    caughtBy: graphsEqualLoops,
  },
  {
    name: 'what is known of an edge counts for the edge that leads back',
    mutate: mutateGraphs(
      (real) => (x, edges, features) => real(x, edges, features && permute(features, [0, 2, 1, 3])),
    ),
    caughtBy: graphsEqualLoops,
  },
  {
    name: 'what is known of edges gets no gradient',
    mutate: mutateGraphs((real) => (x, edges, features) => real(x, edges, features?.detach())),
    caughtBy: graphGradientsAreDifferences,
  },
  {
    name: 'a batch takes the depths of its texts in the order of their lengths',
    mutate: () =>
      patch(
        BatchStructure.prototype,
        'depths',
        (real) =>
          function (this: BatchStructure, length) {
            const sorted = this.sequences.toSorted((a, b) => a.nodes.length - b.nodes.length);
            return real.call(new BatchStructure(sorted), length);
          },
      ),
    caughtBy: treesStayWithTheirTextsTogether,
  },
  {
    name: 'edges are looked at from the wrong end',
    mutate: () =>
      patch(
        BatchStructure.prototype,
        'pairs',
        (real) =>
          function (this: BatchStructure, key, length, of) {
            return real.call(this, key, length, (tree, to, from) => of(tree, from, to));
          },
      ),
    caughtBy: treeEdgesEqualLoops,
  },
  {
    name: 'each row of a batch copies the words of the row before',
    mutate: () =>
      patch(
        Padded.prototype,
        'unpackIds',
        (real) =>
          function (this: Padded, ids, padding) {
            const rows = real.call(this, ids, padding);
            rows.data.copyWithin(rows.shape[1]!, 0);
            return rows;
          },
      ),
    caughtBy: copiedLabelsHaveTheirProbabilities,
  },
  {
    name: 'of a word that stands twice in the source only the last place counts',
    mutate: mutateOp<{ k: number; columns: number }, 'compute'>('scatterLast', 'compute', () => (context) => {
      const { inputs, output, params } = context;
      const [x, places] = inputs as [Tensor, Tensor];
      output.data.fill(0);
      for (let i = 0; i < x.size; i++)
        output.data[Math.floor(i / params.k) * params.columns + places.data[i]!] = x.data[i]!;
    }),
    caughtBy: copiesByTheFormula,
  },
  {
    name: 'a word that comes twice has two ids',
    mutate: () =>
      patch(
        ExtendedVocabulary.prototype,
        'encode',
        (real) =>
          function (this: ExtendedVocabulary, line) {
            return real.call(this, line).map((id, i, ids) => (ids.indexOf(id) < i ? id + 1 : id));
          },
      ),
    caughtBy: unknownWordsComeBack,
  },
];
