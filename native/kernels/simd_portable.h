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

// One flag for every lane: all bits or none.
typedef vi vmask;
ALWAYS_INLINE vmask less(vf a, vf b) { return (vi)(a < b); }
ALWAYS_INLINE vmask is_nan(vf v) { return (vi)(v != v); }
ALWAYS_INLINE vmask less_int(vi a, vi b) { return (vi)(a < b); }
ALWAYS_INLINE vf choose(vmask mask, vf yes, vf no) { return (vf)(((vi)yes & mask) | ((vi)no & ~mask)); }

ALWAYS_INLINE v4 fold_sum(vf v) { return (v4)v; }
ALWAYS_INLINE v4 fold_max(vf v) { return (v4)v; }

ALWAYS_INLINE void store_past_cache(float *p, vf v) { *(vf_memory *)p = v; }
ALWAYS_INLINE void finish_stores(void) {}
// Maximum and minimum; when a lane of either is NaN the result is b.
ALWAYS_INLINE vf vmax(vf a, vf b) { return choose(less(b, a), a, b); }
ALWAYS_INLINE vf vmin(vf a, vf b) { return choose(less(a, b), a, b); }
ALWAYS_INLINE vf vsqrt(vf v) {
  UNROLL for (int k = 0; k < VL; k++) v[k] = sqrtf(v[k]);
  return v;
}
// To the nearest whole number, for |v| < 2^22: the sum leaves no room for a fraction.
ALWAYS_INLINE vf nearest(vf v) { return (v + 12582912.0f) - 12582912.0f; }
// p * 2^n for whole n in [-127, 128] and p in [0.7, 1.5]; NaN stays NaN.
ALWAYS_INLINE vf times_power_of_two(vf p, vf n) {
  vi whole = __builtin_convertvector(choose(is_nan(n), splat(0), n), vi);
  return choose(is_nan(n), p, (vf)((vi)p + (whole << 23)));
}
