/** Gives the tape the sums of gradients that it cannot import from below. */
import { registerGradientArithmetic } from '../core/tape.ts';
import { add } from './elementwise/binary.ts';
import { addInPlace } from './in-place.ts';

registerGradientArithmetic({ add, addInPlace });
