/**
 * Training on what counts in the end: the model draws texts, and those with a good score become likelier.
 *
 * `∇ E[r(y)] = E[(r(y) − b) ∇ log P(y | x)]`, y drawn from P; b is the score of the greedy text (self-critical).
 *
 * Papers: Williams 1992 (REINFORCE); Ranzato et al. 2015, https://arxiv.org/abs/1511.06732; Rennie et al. 2016,
 * https://arxiv.org/abs/1612.00563 (the baseline).
 */
import { scope } from '../../core/scope.ts';
import { backward } from '../../core/tape.ts';
import { tensor } from '../../core/tensor.ts';
import { collate } from '../../data/collate.ts';
import { greedySearch } from '../../generate/greedy.ts';
import type { Hypothesis } from '../../generate/options.ts';
import { sampleSearch } from '../../generate/sample.ts';
import { ModelSession } from '../../generate/session.ts';
import type { EncoderDecoder, PackedSequences, SourceBatch } from '../../models/encoder-decoder.ts';

/** What the score of a text is compared with. */
export const reinforceBaselines = ['selfCritical', 'none'] as const;

/** Ids that training needs. */
export interface ReinforceIds {
  readonly bos: number;
  readonly eos: number;
  /** Of the source. */
  readonly pad: number;
}

/** How texts are drawn and scored. */
export interface ReinforceOptions {
  readonly ids: ReinforceIds;
  readonly baseline: (typeof reinforceBaselines)[number];
  /** Score of a text, without begin and end token, for the batch's text `index`. */
  readonly reward: (tokens: readonly number[], index: number) => number;
  /** Most tokens of a drawn text, the end token not counted, for each text. */
  readonly limits: readonly number[];
  readonly seed: number;
  /** Stream of random numbers of the first text; the others count on from there. */
  readonly firstStream: number;
}

/** Mean scores of a batch. */
export interface ReinforceResult {
  readonly reward: number;
  /** Of the baseline; 0 without one. */
  readonly baseline: number;
}

/** The sequences of a row. */
export function unpacked({ ids, lengths }: PackedSequences): number[][] {
  let from = 0;
  return Array.from(lengths, (length) => Array.from(ids.subarray(from, (from += length))));
}

/** Decodes with a session of its own, without dropout. */
function decoded(
  model: EncoderDecoder,
  sources: SourceBatch,
  limits: readonly number[],
  search: (session: ModelSession) => Hypothesis[],
): Hypothesis[] {
  const session = new ModelSession(model, sources, Math.max(...limits) + 1);
  try {
    return search(session);
  } finally {
    session.dispose();
  }
}

/**
 * Adds the gradients of `−scale · Σ (r − b) log P(y)` over one drawn text for each source.
 *
 * Texts are drawn without dropout from all tokens, so that P is what the gradient is taken of; the gradient's pass has
 * the dropout of the model.
 */
export function reinforce(
  model: EncoderDecoder,
  source: PackedSequences,
  options: ReinforceOptions,
  scale: number,
): ReinforceResult {
  const { ids, limits, reward, baseline, seed, firstStream } = options;
  const { bos, eos } = ids;
  const wasTraining = model.training;
  model.eval();
  const { structures } = source;
  const sources = { ...collate(unpacked(source), { padId: ids.pad }), ...(structures && { structures }) };
  const common = { bos, eos, maxNewTokens: limits };
  const streams = Array.from({ length: sources.batch }, (_, n) => firstStream + n);
  const drawn = decoded(model, sources, limits, (session) =>
    sampleSearch(session, { ...common, seed, streams }).map(([best]) => best!),
  );
  const greedy =
    baseline === 'none' ? [] : decoded(model, sources, limits, (session) => greedySearch(session, common));
  model.train(wasTraining);
  const rewards = drawn.map(({ tokens }, n) => reward(tokens, n));
  const baselines = drawn.map((_, n) => (greedy[n] ? reward(greedy[n].tokens, n) : 0));
  const advantages = rewards.map((own, n) => own - baselines[n]!);
  addGradients(
    model,
    source,
    drawn,
    advantages.map((advantage) => scale * advantage),
    ids,
  );
  const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;
  return { reward: mean(rewards), baseline: mean(baselines) };
}

/** Gradients of `Σ weight · −log P(y)`. */
function addGradients(
  model: EncoderDecoder,
  source: PackedSequences,
  texts: readonly Hypothesis[],
  weights: readonly number[],
  { bos, eos }: ReinforceIds,
): void {
  // A text that was cut at its limit has no end token whose probability would count.
  const labels = texts.map(({ tokens, complete }) => (complete ? [...tokens, eos] : [...tokens]));
  const inputs = labels.map((own) => [bos, ...own.slice(0, -1)]);
  const packed = (rows: readonly (readonly number[])[]): PackedSequences => ({
    ids: Int32Array.from(rows.flat()),
    lengths: rows.map(({ length }) => length),
  });
  const factors = labels.flatMap((own, n) => new Array<number>(own.length).fill(weights[n]!));
  scope(() => {
    const losses = model.losses(source, packed(inputs), packed(labels), {
      labelSmoothing: 0,
      ignoreIndex: -1,
    });
    backward(losses, { grad: tensor(factors, losses.shape, { device: model.device }) });
  });
}
