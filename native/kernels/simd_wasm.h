// Operations without a vector extension: WebAssembly's 128-bit SIMD.
#pragma once
#include <wasm_simd128.h>

ALWAYS_INLINE vf splat(float x) { return (vf)wasm_f32x4_splat(x); }
// One to three lanes: a pair, a single one, or both.
ALWAYS_INLINE vf load_some(const float *p, int w, vf other) {
  v128_t v = (v128_t)other;
  if (w == 1) return (vf)wasm_v128_load32_lane(p, v, 0);
  if (w >= 2) v = wasm_v128_load64_lane(p, v, 0);
  return (vf)(w == 3 ? wasm_v128_load32_lane(p + 2, v, 2) : v);
}
ALWAYS_INLINE void store_some(float *p, vf v, int w) {
  if (w == 1) wasm_v128_store32_lane(p, (v128_t)v, 0);
  if (w >= 2) wasm_v128_store64_lane(p, (v128_t)v, 0);
  if (w == 3) wasm_v128_store32_lane(p + 2, (v128_t)v, 2);
}

// One flag for every lane: all bits or none.
typedef vi vmask;
ALWAYS_INLINE vmask less(vf a, vf b) { return (vi)(a < b); }
ALWAYS_INLINE vmask is_nan(vf v) { return (vi)(v != v); }
ALWAYS_INLINE vmask less_int(vi a, vi b) { return (vi)(a < b); }
ALWAYS_INLINE vf choose(vmask mask, vf yes, vf no) {
  return (vf)wasm_v128_bitselect((v128_t)yes, (v128_t)no, (v128_t)mask);
}

ALWAYS_INLINE v4 fold_sum(vf v) { return (v4)v; }
ALWAYS_INLINE v4 fold_max(vf v) { return (v4)v; }

// There is no store past the caches.
ALWAYS_INLINE void store_past_cache(float *p, vf v) { *(vf_memory *)p = v; }
ALWAYS_INLINE void finish_stores(void) {}
// Maximum and minimum; when a lane of either is NaN the result is b, as pmax(b, a) and pmin(b, a) have it.
ALWAYS_INLINE vf vmax(vf a, vf b) { return (vf)wasm_f32x4_pmax((v128_t)b, (v128_t)a); }
ALWAYS_INLINE vf vmin(vf a, vf b) { return (vf)wasm_f32x4_pmin((v128_t)b, (v128_t)a); }
ALWAYS_INLINE vf vsqrt(vf v) { return (vf)wasm_f32x4_sqrt((v128_t)v); }
ALWAYS_INLINE vf nearest(vf v) { return (vf)wasm_f32x4_nearest((v128_t)v); }
// p * 2^n for whole n in [-127, 128] and p in [0.7, 1.5]; NaN stays NaN.
ALWAYS_INLINE vf times_power_of_two(vf p, vf n) {
  // n + 1.5 * 2^23 has n in its lowest bits: cheaper than a conversion, which must saturate.
  vi whole = (vi)(n + splat(12582912.0f));
  return choose(is_nan(n), p, (vf)((vi)p + (whole << 23)));
}
