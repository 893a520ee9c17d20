/**
 * The detection Transformer: patches of an image are encoded with their places on the grid, and a fixed number of
 * learned queries, decoded all at once, each say one object or none.
 *
 * Paper: Carion et al., End-to-End Object Detection with Transformers, 2020, https://arxiv.org/abs/2005.12872. Linear
 * patches (Dosovitskiy et al. 2020, https://arxiv.org/abs/2010.11929) stand for its convolutional backbone, and places
 * are told once, below the encoder.
 *
 * Shapes: B batch · P patches · p patchSize · Q numQueries · C dModel · K classes.
 */
import { Random } from '../core/random.ts';
import { noGrad } from '../core/tape.ts';
import type { Tensor } from '../core/tensor.ts';
import { ShapeError } from '../errors.ts';
import type { Detection } from '../metrics/average-precision.ts';
import { normal } from '../nn/initializers.ts';
import { Linear } from '../nn/linear.ts';
import { Module, type ModuleContext, type Parameter, parameter } from '../nn/module.ts';
import { makePosition, type Position } from '../nn/position/index.ts';
import { relu, sigmoid } from '../ops/elementwise/unary.ts';
import { broadcastTo } from '../ops/reduce/sum.ts';
import { permute } from '../ops/shape/permute.ts';
import { reshape } from '../ops/shape/reshape.ts';
import { softmax } from '../ops/softmax/index.ts';
import {
  checkDetectorConfig,
  type DetectorConfig,
  detectorDefaults,
  detectorParts,
} from './detector-config.ts';
import { Decoder, Encoder } from './stacks.ts';
import { positionSizes } from './transformer-config.ts';

/** What the queries say of a batch of images. */
export interface QueryAnswers {
  /** `[B, Q, K + 1]`: scores of the classes, and of "nothing", which comes last. */
  readonly logits: Tensor;
  /** `[B, Q, 4]`: centre, width and height as shares of the image. */
  readonly boxes: Tensor;
}

/** The whole model, from pixels to classes and boxes. */
export class Detector extends Module {
  readonly config: DetectorConfig;
  readonly patches: Linear;
  readonly position: Position;
  readonly encoder: Encoder;
  /** One vector for each object that can be found, `[Q, C]`. */
  readonly queries: Parameter;
  readonly decoder: Decoder;
  readonly classes: Linear;
  /** Three layers from a query to its box. */
  readonly boxes: readonly [Linear, Linear, Linear];

  /**
   * @param config - anything left out has the value of `detectorDefaults`
   * @throws {ConfigError} listing every field that cannot be used
   * @example
   * const model = new Detector({ height: 24, width: 24, channels: 1, numClasses: 3, patchSize: 4 });
   */
  constructor(
    config: Partial<DetectorConfig> & Pick<DetectorConfig, 'height' | 'width' | 'numClasses'>,
    context: ModuleContext = { random: new Random(0, 'init') },
  ) {
    super();
    this.config = checkDetectorConfig({ ...detectorDefaults, ...config });
    const { channels, patchSize, numClasses, numQueries, dModel } = this.config;
    const parts = detectorParts(this.config);
    this.patches = new Linear(patchSize * patchSize * channels, dModel, context);
    this.position = makePosition(parts.encoderPosition!, positionSizes(parts, 'encoder'), context);
    this.encoder = new Encoder(parts, context);
    this.queries = parameter([numQueries, dModel], normal(1), context);
    this.decoder = new Decoder(parts, context);
    this.classes = new Linear(dModel, numClasses + 1, context);
    this.boxes = [
      new Linear(dModel, dModel, context),
      new Linear(dModel, dModel, context),
      new Linear(dModel, 4, context),
    ];
  }

  /**
   * @param images - `[B, height, width, channels]`
   * @throws {ShapeError} when the images are of another size
   */
  forward(images: Tensor): QueryAnswers {
    const x = this.position.forward(this.patches.forward(this.cut(images))); // [B, P, C]
    const memory = this.expose('memory', this.encoder.forward(x, null, this.position));
    const asked = broadcastTo(this.queries, [images.shape[0]!, ...this.queries.shape]);
    const top = this.decoder.forward(asked, memory, null, null, null, false); // [B, Q, C]
    const [first, second, third] = this.boxes;
    return {
      logits: this.expose('logits', this.classes.forward(top)),
      boxes: this.expose('boxes', sigmoid(third.forward(relu(second.forward(relu(first.forward(top))))))),
    };
  }

  /**
   * For each image, what each query found: its likeliest class that is not "nothing".
   *
   * @param images - `[B, height, width, channels]`
   */
  detect(images: Tensor): Detection[][] {
    const { numQueries, numClasses } = this.config;
    const { logits, boxes } = noGrad(() => this.forward(images));
    const probs = noGrad(() => softmax(logits)).data;
    const found = (row: number): Detection => {
      const own = Array.from(probs.subarray(row * (numClasses + 1), (row + 1) * (numClasses + 1) - 1));
      const score = Math.max(...own);
      const [x, y, width, height] = boxes.data.subarray(4 * row, 4 * row + 4);
      return { label: own.indexOf(score), score, box: [x!, y!, width!, height!] };
    };
    return Array.from({ length: images.shape[0]! }, (_, image) =>
      Array.from({ length: numQueries }, (_, query) => found(image * numQueries + query)),
    );
  }

  /** Images to patches, row by row: `[B, height, width, channels]` to `[B, P, p · p · channels]`. */
  private cut(images: Tensor): Tensor {
    const { height, width, channels, patchSize } = this.config;
    const [batch, ...size] = images.shape;
    if (size.length !== 3 || size[0] !== height || size[1] !== width || size[2] !== channels) {
      throw new ShapeError({
        where: 'Detector',
        expected: `images [B, ${height}, ${width}, ${channels}] (height, width, channels)`,
        got: `[${images.shape.join(', ')}]`,
      });
    }
    const [rows, columns] = [height / patchSize, width / patchSize];
    const parts = reshape(images, [batch!, rows, patchSize, columns, patchSize, channels]);
    const byPatch = permute(parts, [0, 1, 3, 2, 4, 5]);
    return reshape(byPatch, [batch!, rows * columns, patchSize * patchSize * channels]);
  }
}
