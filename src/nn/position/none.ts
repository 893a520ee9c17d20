/** No position information. */
import { Position } from './position.ts';

/** Without position information attention sees a bag of words: `f(P X) = P f(X)` for every permutation P. */
export class NoPosition extends Position {
  override get addend(): null {
    return null;
  }
}
