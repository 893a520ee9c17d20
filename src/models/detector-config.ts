/** Configuration of the detection Transformer, checked as a whole. */
import type { PositionChoice } from '../nn/position/index.ts';
import { ConfigChecks } from './config-checks.ts';
import {
  mechanismIssues,
  readsTrees,
  type TransformerConfig,
  transformerDefaults,
} from './transformer-config.ts';

/** Sizes of a detector. */
export interface DetectorConfig {
  /** Of the images, in pixels. */
  readonly height: number;
  readonly width: number;
  /** Numbers that a pixel has: 1 for grey, 3 for colours. */
  readonly channels: number;
  /** Side of the square patches, in pixels. */
  readonly patchSize: number;
  /** Classes of objects, "nothing" not counted. */
  readonly numClasses: number;
  /** Most objects that can be found in an image. */
  readonly numQueries: number;
  readonly dModel: number;
  readonly dFf: number;
  readonly numHeads: number;
  readonly numEncoderLayers: number;
  readonly numDecoderLayers: number;
  readonly dropout: number;
  /** Kind of position information of the patches; `grid` by itself has as many columns as the image has patches. */
  readonly position: PositionChoice;
}

/** A small detector of grey images. */
export const detectorDefaults = {
  channels: 1,
  patchSize: 4,
  numQueries: 8,
  dModel: 64,
  dFf: 128,
  numHeads: 4,
  numEncoderLayers: 2,
  numDecoderLayers: 2,
  dropout: 0,
  position: 'grid',
} as const satisfies Partial<DetectorConfig>;

/**
 * The configuration itself.
 *
 * @throws {ConfigError} listing every field that cannot be used
 */
export function checkDetectorConfig(config: DetectorConfig): DetectorConfig {
  const { height, width, patchSize, dModel, numHeads } = config;
  const checks = new ConfigChecks<DetectorConfig>(config)
    .whole(['height', 'width', 'channels', 'patchSize', 'numClasses', 'numQueries'])
    .whole(['dModel', 'dFf', 'numHeads', 'numEncoderLayers', 'numDecoderLayers'])
    .rates(['dropout']);
  if (checks.fine) {
    checks
      .expect('height', height % patchSize === 0, `a multiple of patchSize (${patchSize})`)
      .expect('width', width % patchSize === 0, `a multiple of patchSize (${patchSize})`)
      .expect('numHeads', dModel % numHeads === 0, `a divisor of dModel (${dModel})`);
  }
  if (checks.fine) {
    const parts = detectorParts(config);
    checks.expect('position', !readsTrees(parts), 'a kind that needs no trees: an image has none');
    const issues = mechanismIssues(parts);
    checks.also(
      issues.map(({ path, message }) => ({ path: path.replace('encoderPosition', 'position'), message })),
    );
  }
  return checks.done('Detector');
}

/** The Transformer that a detector is, between the patches and what the queries say. */
export function detectorParts(config: DetectorConfig): TransformerConfig {
  const { height, width, patchSize, dModel, dFf, numHeads, numEncoderLayers, numDecoderLayers, dropout } =
    config;
  const columns = width / patchSize;
  return {
    ...transformerDefaults,
    ...{ dModel, dFf, numHeads, numEncoderLayers, numDecoderLayers, dropout },
    ...{ sourceVocabSize: 1, targetVocabSize: 1 }, // it reads and writes no words
    normPlacement: 'pre',
    finalNorm: true,
    position: 'none',
    encoderPosition: config.position === 'grid' ? { kind: 'grid', columns } : config.position,
    maxSeqLen: Math.max((height / patchSize) * columns, config.numQueries),
  };
}
