/**
 * A Transformer of 6+6 layers that OpenNMT-tf trained to write Arabic names in Latin letters: heed's layers,
 * caches and searches must give what CTranslate2 recorded for it.
 */
import { readFileSync } from 'node:fs';
import { describe, expect, type TestContext, test } from 'vitest';
import { collate } from '../src/data/collate.ts';
import { readSafetensors } from '../src/formats/safetensors.ts';
import { beamSearch } from '../src/generate/beam.ts';
import { greedySearch } from '../src/generate/greedy.ts';
import type { DecodingSession } from '../src/generate/session.ts';
import { ModelSession } from '../src/generate/session.ts';
import { expectClose } from './support/compare.ts';
import { needDevice } from './support/devices.ts';
import { openNmtTransformer, withOutputBias } from './support/opennmt-checkpoint.ts';
import { needData, needJson } from './support/shared-data.ts';

const place = 'checkpoints/aren_transliteration';
const [blank, bos, eos] = [0, 1, 2];

interface Architecture {
  readonly layers: number;
  readonly d_model: number;
  readonly heads: number;
  readonly d_ff: number;
  readonly layer_norm_eps: number;
  readonly src_unk_id: number;
}

interface Pair {
  readonly source: readonly string[];
  readonly target: readonly string[];
  readonly prefix?: readonly string[];
}

interface Expected {
  readonly greedy: readonly Pair[];
  readonly forced_target_prefix: readonly Pair[];
}

function load(context: TestContext, device: string) {
  needDevice(context, device);
  const arch = needJson(context, `${place}/arch.json`) as Architecture;
  const expected = needJson(context, `${place}/expected.json`) as Expected;
  const { tensors } = readSafetensors(
    new Uint8Array(readFileSync(needData(context, `${place}/model.safetensors`))),
  );
  const lines = (side: string): string[] =>
    readFileSync(needData(context, `${place}/${side}_vocabulary.txt`), 'utf8')
      .trimEnd()
      .split('\n');
  const [sourcePieces, targetPieces] = [lines('source'), lines('target')];
  const size = {
    layers: arch.layers,
    dModel: arch.d_model,
    dFf: arch.d_ff,
    heads: arch.heads,
    normEps: arch.layer_norm_eps,
  };
  const model = openNmtTransformer(tensors, size, device);
  const sourceIds = (pieces: readonly string[]): number[] =>
    pieces.map((piece) => (sourcePieces.includes(piece) ? sourcePieces.indexOf(piece) : arch.src_unk_id));
  return {
    expected,
    targetIds: (pieces: readonly string[]): number[] => pieces.map((piece) => targetPieces.indexOf(piece)),
    session: (pairs: readonly Pair[]): DecodingSession =>
      withOutputBias(
        new ModelSession(
          model,
          collate(
            pairs.map(({ source }) => sourceIds(source)),
            { padId: blank },
          ),
          40,
        ),
        tensors.get('decoder/projection/bias')!,
      ),
  };
}

const options = { bos, eos, maxNewTokens: 30 };

describe.each(['reference', 'native', 'wasm'])('on %s', (device) => {
  test('greedy search gives the recorded texts, in one padded batch and one by one', (context) => {
    const { expected, session, targetIds } = load(context, device);
    const together = greedySearch(session(expected.greedy), options);
    for (const [i, pair] of expected.greedy.entries()) {
      const [alone] = greedySearch(session([pair]), options);
      expect(together[i]!.tokens).toEqual(targetIds(pair.target));
      expect(together[i]!.complete).toBe(true);
      expect(alone!.tokens).toEqual(together[i]!.tokens);
      expectClose([alone!.logProb], [together[i]!.logProb], { rtol: 1e-5, atol: 1e-6 });
    }
  });

  test('a forced prefix gives the recorded texts, by greedy search and by a beam', (context) => {
    const { expected, session, targetIds } = load(context, device);
    const pairs = expected.forced_target_prefix;
    const forced = { ...options, prefixes: pairs.map(({ prefix }) => targetIds(prefix!)) };
    const greedy = greedySearch(session(pairs), forced);
    const beam = beamSearch(session(pairs), { ...forced, beamSize: 4, nBest: 1 });
    for (const [i, { target }] of pairs.entries()) {
      expect(greedy[i]!.tokens).toEqual(targetIds(target));
      expect(beam[i]![0]!.logProb).toBeGreaterThanOrEqual(greedy[i]!.logProb - 1e-6);
    }
  });

  test('a beam finds nothing worse than greedy search', (context) => {
    const { expected, session } = load(context, device);
    const greedy = greedySearch(session(expected.greedy), options);
    const beam = beamSearch(session(expected.greedy), { ...options, beamSize: 5, nBest: 5 });
    for (const [i, found] of beam.entries()) {
      expect(found[0]!.logProb).toBeGreaterThanOrEqual(greedy[i]!.logProb - 1e-6);
      expect(new Set(found.map(({ tokens }) => tokens.join(' '))).size).toBe(5);
    }
  });
});
