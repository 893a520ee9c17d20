/** Configuration of the decoder-only Transformer, checked as a whole. */
import {
  causalActivation,
  checkSingleStack,
  type SingleStackConfig,
  singleStackDefaults,
  singleStackRules,
} from './single-stack-config.ts';

/** Sizes and variants of a decoder-only Transformer. */
export interface GptConfig extends SingleStackConfig {}

/** GPT-2 with 124 million parameters. Paper: Radford et al. 2019. */
export const gptDefaults: GptConfig = {
  ...singleStackDefaults,
  vocabSize: 50257,
  maxSeqLen: 1024,
  dModel: 768,
  numLayers: 12,
  numHeads: 12,
  activation: causalActivation,
  normPlacement: 'pre',
};

/** Rules of its fields in an experiment. */
export const gptRules = singleStackRules(gptDefaults);

/**
 * The configuration itself.
 *
 * @throws {ConfigError} listing every field that cannot be used
 */
export function checkGptConfig(config: GptConfig): GptConfig {
  return checkSingleStack('Gpt', config, true);
}
