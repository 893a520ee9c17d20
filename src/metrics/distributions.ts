/** Distribution functions behind the intervals and tests, to about 1e-14. */

/**
 * Φ(x) of the standard normal distribution, by its Taylor series about 0.
 *
 * Paper: Marsaglia, Evaluating the Normal Distribution, Journal of Statistical Software 11(4), 2004.
 */
export function normalCdf(x: number): number {
  if (Math.abs(x) > 8) return x > 0 ? 1 : 0;
  let sum = x;
  let term = x;
  for (let k = 3, before = 0; sum !== before; k += 2) {
    before = sum;
    sum += term *= (x * x) / k;
  }
  return 0.5 + sum * Math.exp(-0.5 * x * x - 0.5 * Math.log(2 * Math.PI));
}

/** Inverse of `normalCdf`. */
export function normalQuantile(probability: number): number {
  return invert(normalCdf, probability, -9, 9);
}

/** Distribution function of Student's t. */
export function studentCdf(t: number, degreesOfFreedom: number): number {
  const tail = 0.5 * betaCdf(degreesOfFreedom / (degreesOfFreedom + t * t), degreesOfFreedom / 2, 0.5);
  return t > 0 ? 1 - tail : tail;
}

/** Inverse of `studentCdf`. */
export function studentQuantile(probability: number, degreesOfFreedom: number): number {
  let bound = 10;
  while (studentCdf(-bound, degreesOfFreedom) > Math.min(probability, 1 - probability)) bound *= 10;
  return invert((t) => studentCdf(t, degreesOfFreedom), probability, -bound, bound);
}

/**
 * Regularised incomplete beta function I_x(a, b), the distribution function of the beta distribution, by its continued
 * fraction.
 *
 * Source: Abramowitz and Stegun, Handbook of Mathematical Functions, 26.5.8.
 */
export function betaCdf(x: number, a: number, b: number): number {
  if (x <= 0) return 0;
  if (x >= 1) return 1;
  // the fraction converges quickly on this side only
  if (x > (a + 1) / (a + b + 2)) return 1 - betaCdf(1 - x, b, a);
  const logFront =
    logGamma(a + b) - logGamma(a) - logGamma(b) + a * Math.log(x) + b * Math.log1p(-x) - Math.log(a);
  return Math.exp(logFront) / betaFraction(x, a, b);
}

/** Inverse of `betaCdf` in x. */
export function betaQuantile(probability: number, a: number, b: number): number {
  return invert((x) => betaCdf(x, a, b), probability, 0, 1);
}

/** `1 + d₁/(1 + d₂/(1 + …))`, by Lentz's method in the form of Thompson and Barnett 1986. */
function betaFraction(x: number, a: number, b: number): number {
  let value = 1;
  let numerator = 1;
  let denominator = 0;
  for (let k = 1; k < 10_000; k++) {
    const d = betaCoefficient(x, a, b, k);
    denominator = 1 / (1 + d * denominator);
    numerator = 1 + d / numerator;
    const factor = numerator * denominator;
    value *= factor;
    if (Math.abs(factor - 1) < 1e-15) break;
  }
  return value;
}

function betaCoefficient(x: number, a: number, b: number, k: number): number {
  const m = Math.floor(k / 2);
  const base = (a + k - 1) * (a + k);
  return k % 2 === 0 ? (m * (b - m) * x) / base : (-(a + m) * (a + b + m) * x) / base;
}

const LANCZOS = [
  0.99999999999980993, 676.5203681218851, -1259.1392167224028, 771.32342877765313, -176.61502916214059,
  12.507343278686905, -0.13857109526572012, 9.9843695780195716e-6, 1.5056327351493116e-7,
];

/** ln Γ(x) for x > 0. Paper: Lanczos, A Precision Approximation of the Gamma Function, 1964. */
export function logGamma(x: number): number {
  if (x < 0.5) return Math.log(Math.PI / Math.sin(Math.PI * x)) - logGamma(1 - x);
  const shifted = x - 1;
  const series = LANCZOS.slice(1).reduce((sum, c, i) => sum + c / (shifted + i + 1), LANCZOS[0]!);
  const base = shifted + 7.5;
  return 0.5 * Math.log(2 * Math.PI) + (shifted + 0.5) * Math.log(base) - base + Math.log(series);
}

/** Where a growing function takes a value, by halving until the bounds are neighbours. */
function invert(f: (x: number) => number, value: number, from: number, to: number): number {
  let low = from;
  let high = to;
  for (;;) {
    const middle = (low + high) / 2;
    if (middle <= low || middle >= high) return middle;
    if (f(middle) < value) low = middle;
    else high = middle;
  }
}
