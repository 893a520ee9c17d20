/** Architectures, one file each. */
export { Decoder, Encoder, Transformer } from './transformer.ts';
export { TransformerCache } from './transformer-cache.ts';
export { checkTransformerConfig, type TransformerConfig, transformerDefaults } from './transformer-config.ts';
