// Vectors of VL floats through compiler vector extensions; the few operations that these lack come from intrinsics.
#pragma once
#include "kernel.h"
#include <math.h>
#include <stdint.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

typedef float vf __attribute__((vector_size(VL * 4), may_alias));
typedef int32_t vi __attribute__((vector_size(VL * 4), may_alias));
typedef uint32_t vu __attribute__((vector_size(VL * 4), may_alias));
typedef float vf_memory __attribute__((vector_size(VL * 4), aligned(4), may_alias));

#if VL == 16 && defined(__AVX512F__)
#include "simd_avx512.h"
#elif VL == 8 && defined(__AVX2__)
#include "simd_avx2.h"
#else
#include "simd_portable.h"
#endif

// Runs the body over [0, n) in steps of VL with `W` lanes each; only the last step can have fewer. The body is
// compiled twice so that W is a constant in the common case.
#define FOR_VECTORS(i, n, ...)                                    \
  do {                                                            \
    int64_t i = 0, i##_end = (n);                                 \
    for (; i + VL <= i##_end; i += VL) {                          \
      enum { W = VL };                                            \
      __VA_ARGS__                                                 \
    }                                                             \
    if (i < i##_end) {                                            \
      const int W = (int)(i##_end - i);                           \
      __VA_ARGS__                                                 \
    }                                                             \
  } while (0)

// The first w floats at p; absent lanes are 0 (or `other`).
ALWAYS_INLINE vf load(const float *p, int w) { return w == VL ? (vf)*(const vf_memory *)p : load_some(p, w, splat(0)); }
ALWAYS_INLINE vf load_or(const float *p, int w, float other) {
  return w == VL ? (vf)*(const vf_memory *)p : load_some(p, w, splat(other));
}
ALWAYS_INLINE void store(float *p, vf v, int w) {
  if (w == VL) *(vf_memory *)p = v;
  else store_some(p, v, w);
}

ALWAYS_INLINE vu splat_u(uint32_t x) { return x - (vu){0}; }
ALWAYS_INLINE vi lanes(void) {
  vi v;
  UNROLL for (int k = 0; k < VL; k++) v[k] = k;
  return v;
}
// Lanes below w of v, `other` elsewhere.
ALWAYS_INLINE vf keep_lanes(vf v, int w, float other) {
  return w == VL ? v : choose(lanes() < (int32_t)w - (vi){0}, v, splat(other));
}
ALWAYS_INLINE vf absolute(vf v) { return (vf)((vi)v & 0x7fffffff); }

// Sum and maximum of a vector's lanes, in a fixed order. A NaN makes the sum NaN; the maximum may skip it.
ALWAYS_INLINE float lane_sum(vf v) {
  float s[VL];
  *(vf_memory *)s = v;
  UNROLL for (int half = VL / 2; half > 0; half /= 2) {
    UNROLL for (int k = 0; k < half; k++) s[k] += s[k + half];
  }
  return s[0];
}
ALWAYS_INLINE float lane_max(vf v) {
  float s[VL];
  *(vf_memory *)s = v;
  UNROLL for (int half = VL / 2; half > 0; half /= 2) {
    UNROLL for (int k = 0; k < half; k++) s[k] = s[k] > s[k + half] ? s[k] : s[k + half];
  }
  return s[0];
}
