// exp, tanh, erf and the activations on vectors. The polynomials are minimax fits made for this file.
#pragma once
#include "simd.h"

// e^x: x = n ln 2 + r, |r| <= ln 2 / 2; e^r = 1 + r + r^2 q(r). Relative error < 2e-7; 0 below -87.3, inf above 88.72.
ALWAYS_INLINE vf vexp(vf x) {
  const vf lowest = splat(-87.3f), highest = splat(88.72283f);
  vf bounded = vmax(lowest, vmin(highest, x)); // NaN passes: it is the second operand
  vf n = nearest(bounded * 1.44269504f);
  vf r = bounded - n * 0.693359375f; // ln 2 in two parts, the first exact
  r = r + n * 2.12194440e-4f;
  vf q = splat(0.00139506010f);
  q = q * r + 0.00836895406f;
  q = q * r + 0.0416662060f;
  q = q * r + 0.166665182f;
  q = q * r + 0.5f;
  vf result = times_power_of_two(q * (r * r) + r + 1.0f, n);
  result = choose(less(x, lowest), splat(0), result);
  return choose(less(highest, x), splat(INFINITY), result);
}

// tanh x = x + x^3 q(x^2) near 0, 1 - 2 / (e^2|x| + 1) with the sign of x elsewhere.
ALWAYS_INLINE vf vtanh(vf x) {
  vf z = x * x, size = absolute(x);
  vf q = splat(-0.00571703259f);
  q = q * z + 0.0206505749f;
  q = q * z - 0.0537434928f;
  q = q * z + 0.133314908f;
  q = q * z - 0.333332837f;
  vf near = x + x * z * q;
  vf far = 1.0f - 2.0f / (vexp(size + size) + 1.0f);
  far = (vf)((vi)far | ((vi)x & (int32_t)0x80000000));
  return choose(less(size, splat(0.625f)), near, far);
}

// erf x = x p(x^2) for |x| < 1, 1 - e^-q(|x|) with the sign of x elsewhere.
ALWAYS_INLINE vf verf(vf x) {
  vf z = x * x, size = absolute(x);
  vf p = splat(7.88912002e-5f);
  p = p * z - 8.02084163e-4f;
  p = p * z + 0.00518953521f;
  p = p * z - 0.0268544443f;
  p = p * z + 0.112836003f;
  p = p * z - 0.376126260f;
  p = p * z + 1.12837911f;
  vf bounded = vmin(splat(4.0f), size); // erf 4 rounds to 1
  vf q = splat(-1.85575175e-4f);
  q = q * bounded + 0.00293961862f;
  q = q * bounded - 0.0218053628f;
  q = q * bounded + 0.103037462f;
  q = q * bounded + 0.638225555f;
  q = q * bounded + 1.12704015f;
  q = q * bounded + 3.53703974e-4f;
  vf far = 1.0f - vexp(-q);
  far = (vf)((vi)far | ((vi)x & (int32_t)0x80000000));
  return choose(less(size, splat(1.0f)), x * p, far);
}

// The normal distribution function: Phi(-|x|) = e^-q(|x|), and 1 - that for x > 0. Absolute error < 1e-7.
ALWAYS_INLINE vf vnormal_cdf(vf x) {
  vf size = absolute(x), bounded = vmin(splat(6.0f), size);
  vf q = splat(1.57751765e-6f);
  q = q * bounded - 2.28517310e-5f;
  q = q * bounded + 1.09017572e-4f;
  q = q * bounded + 1.40347081e-4f;
  q = q * bounded - 0.00495099789f;
  q = q * bounded + 0.0364224128f;
  q = q * bounded + 0.318288386f;
  q = q * bounded + 0.797886550f;
  q = q * bounded + 0.693147123f;
  vf tail = choose(less(splat(6.0f), size), splat(0), vexp(-q));
  return choose(less(x, splat(0)), tail, 1.0f - tail);
}

// 1 / (1 + e^-x)
ALWAYS_INLINE vf vsigmoid(vf x) { return 1.0f / (1.0f + vexp(-x)); }

enum { ACT_NONE, ACT_RELU, ACT_GELU, ACT_GELU_TANH, ACT_SILU, ACT_TANH, ACT_SIGMOID };

// 0.5 + 0.5 tanh(sqrt(2/pi) (x + 0.044715 x^3)) = sigmoid(2 sqrt(2/pi) (x + 0.044715 x^3))
ALWAYS_INLINE vf gelu_tanh_gate(vf x) { return vsigmoid(x * (1.59576912f + 0.0713548163f * (x * x))); }

// The activation with this code; `code` is a constant wherever it is called.
ALWAYS_INLINE vf activate(int code, vf x) {
  switch (code) {
    case ACT_RELU:
      return vmax(splat(0), x);
    case ACT_GELU: // x Phi(x)
      return x * vnormal_cdf(x);
    case ACT_GELU_TANH:
      return x * gelu_tanh_gate(x);
    case ACT_SILU:
      return x * vsigmoid(x);
    case ACT_TANH:
      return vtanh(x);
    case ACT_SIGMOID:
      return vsigmoid(x);
    default:
      return x;
  }
}

// The activation's derivative at x.
ALWAYS_INLINE vf activation_slope(int code, vf x) {
  switch (code) {
    case ACT_RELU:
      return choose(less(splat(0), x), splat(1), splat(0));
    case ACT_GELU: // Phi(x) + x phi(x)
      return vnormal_cdf(x) + x * 0.398942280f * vexp(-0.5f * x * x);
    case ACT_GELU_TANH: { // g + x g (1 - g) d(2u)/dx
      vf gate = gelu_tanh_gate(x);
      return gate + x * gate * (1.0f - gate) * (1.59576912f + 0.214064449f * (x * x));
    }
    case ACT_SILU: {
      vf gate = vsigmoid(x);
      return gate + x * gate * (1.0f - gate);
    }
    case ACT_TANH: {
      vf y = vtanh(x);
      return 1.0f - y * y;
    }
    case ACT_SIGMOID: {
      vf y = vsigmoid(x);
      return y * (1.0f - y);
    }
    default:
      return splat(1);
  }
}

// Loops are compiled once per activation, so that its code is a constant inside.
#define FOR_EACH_ACTIVATION(code, call)             \
  switch (code) {                                   \
    case ACT_RELU: call(ACT_RELU); break;           \
    case ACT_GELU: call(ACT_GELU); break;           \
    case ACT_GELU_TANH: call(ACT_GELU_TANH); break; \
    case ACT_SILU: call(ACT_SILU); break;           \
    case ACT_TANH: call(ACT_TANH); break;           \
    case ACT_SIGMOID: call(ACT_SIGMOID); break;     \
    default: call(ACT_NONE); break;                 \
  }
