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
typedef float v4 __attribute__((vector_size(16), may_alias));
typedef float v4_memory __attribute__((vector_size(16), aligned(4), may_alias));
typedef int32_t i4 __attribute__((vector_size(16)));
typedef float vf_memory __attribute__((vector_size(VL * 4), aligned(4), may_alias));

// Lanes of a (0 to 3) and b (4 to 7).
#ifdef __clang__
#define SHUFFLE4(a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#else
#define SHUFFLE4(a, b, ...) __builtin_shuffle(a, b, (i4){__VA_ARGS__})
#endif

#if VL == 16 && defined(__AVX512F__)
#include "simd_avx512.h"
#elif VL == 8 && defined(__AVX2__)
#include "simd_avx2.h"
#elif defined(__wasm_simd128__)
#include "simd_wasm.h"
#else
#include "simd_portable.h"
#endif

#if VL == 4
// The four floats at p.
ALWAYS_INLINE vf load_quads(const float *p, int64_t step, int quads) {
  (void)step;
  (void)quads;
  return (vf)*(const vf_memory *)p;
}
// a0 b0 a1 b1, a2 b2 a3 b3, a0 a1 b0 b1 and a2 a3 b2 b3.
ALWAYS_INLINE vf interleave_low(vf a, vf b) { return SHUFFLE4(a, b, 0, 4, 1, 5); }
ALWAYS_INLINE vf interleave_high(vf a, vf b) { return SHUFFLE4(a, b, 2, 6, 3, 7); }
ALWAYS_INLINE vf low_pairs(vf a, vf b) { return SHUFFLE4(a, b, 0, 1, 4, 5); }
ALWAYS_INLINE vf high_pairs(vf a, vf b) { return SHUFFLE4(a, b, 2, 3, 6, 7); }
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
// a b + c in one instruction where the CPU has it: compilers fuse the plain form for every target but WebAssembly.
ALWAYS_INLINE vf multiply_add(vf a, vf b, vf c) {
#ifdef __wasm_relaxed_simd__
  return (vf)wasm_f32x4_relaxed_madd((v128_t)a, (v128_t)b, (v128_t)c);
#else
  return c + a * b;
#endif
}
// Lanes below w of v, `other` elsewhere.
ALWAYS_INLINE vf keep_lanes(vf v, int w, float other) {
  return w == VL ? v : choose(less_int(lanes(), (int32_t)w - (vi){0}), v, splat(other));
}
#if !(VL == 16 && defined(__AVX512F__))
ALWAYS_INLINE vf reciprocal(vf x) { return 1.0f / x; }

typedef uint8_t mask_bytes __attribute__((vector_size(VL)));
typedef uint16_t mask_words __attribute__((vector_size(VL * 2)));

// The first w lanes whose byte at p is not 0.
ALWAYS_INLINE vmask load_mask(const uint8_t *p, int w) {
  mask_bytes bytes = {0};
  __builtin_memcpy(&bytes, p, (size_t)w);
  // In two steps, because GCC takes one to four times the width apart into scalars; of a few bytes those are faster.
  if (w == VL) return less_int((vi){0}, __builtin_convertvector(__builtin_convertvector(bytes, mask_words), vi));
  return less_int((vi){0}, __builtin_convertvector(bytes, vi));
}
#endif
ALWAYS_INLINE vf absolute(vf v) { return (vf)((vi)v & 0x7fffffff); }

// Sum and maximum of a vector's lanes, in a fixed order. A NaN makes the sum NaN; the maximum may skip it.
ALWAYS_INLINE float lane_sum(vf v) {
  v4 q = fold_sum(v);
  return (q[0] + q[2]) + (q[1] + q[3]);
}
ALWAYS_INLINE float lane_max(vf v) {
  v4 q = fold_max(v);
  float even = q[0] > q[2] ? q[0] : q[2], odd = q[1] > q[3] ? q[1] : q[3];
  return even > odd ? even : odd;
}
// The lane sums of four vectors, each in the order of lane_sum.
ALWAYS_INLINE v4 lane_sums(vf a, vf b, vf c, vf d) {
  v4 qa = fold_sum(a), qb = fold_sum(b), qc = fold_sum(c), qd = fold_sum(d);
  v4 ab = SHUFFLE4(qa, qb, 0, 4, 1, 5) + SHUFFLE4(qa, qb, 2, 6, 3, 7);
  v4 cd = SHUFFLE4(qc, qd, 0, 4, 1, 5) + SHUFFLE4(qc, qd, 2, 6, 3, 7);
  return SHUFFLE4(ab, cd, 0, 1, 4, 5) + SHUFFLE4(ab, cd, 2, 3, 6, 7);
}
