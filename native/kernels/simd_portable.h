// Operations without a vector extension: any CPU, 4 lanes.
#pragma once

// 0 + x would cost an addition for every broadcast; x - 0 does not.
ALWAYS_INLINE vf splat(float x) { return x - (vf){0}; }
ALWAYS_INLINE vf load_some(const float *p, int w, vf other) {
  for (int k = 0; k < w; k++) other[k] = p[k];
  return other;
}
ALWAYS_INLINE void store_some(float *p, vf v, int w) {
  for (int k = 0; k < w; k++) p[k] = v[k];
}
ALWAYS_INLINE vf choose(vi mask, vf yes, vf no) { return (vf)(((vi)yes & mask) | ((vi)no & ~mask)); }
// Maximum and minimum; when a lane of either is NaN the result is b.
ALWAYS_INLINE vf vmax(vf a, vf b) { return choose(a > b, a, b); }
ALWAYS_INLINE vf vmin(vf a, vf b) { return choose(a < b, a, b); }
ALWAYS_INLINE vf vsqrt(vf v) {
  UNROLL for (int k = 0; k < VL; k++) v[k] = sqrtf(v[k]);
  return v;
}
// To the nearest whole number, for |v| < 2^22: the sum leaves no room for a fraction.
ALWAYS_INLINE vf nearest(vf v) { return (v + 12582912.0f) - 12582912.0f; }
// p * 2^n for whole n in [-127, 128] and p in [0.7, 1.5]; NaN stays NaN.
ALWAYS_INLINE vf times_power_of_two(vf p, vf n) {
  vf whole = choose(n == n, n, splat(0));
  return choose(n == n, (vf)((vi)p + (__builtin_convertvector(whole, vi) << 23)), p);
}
