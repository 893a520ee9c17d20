// Operations without a vector extension: AVX2.
#pragma once

ALWAYS_INLINE vf splat(float x) { return (vf)_mm256_set1_ps(x); }
ALWAYS_INLINE __m256i lane_mask(int w) {
  return _mm256_cmpgt_epi32(_mm256_set1_epi32(w), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}
ALWAYS_INLINE vf load_some(const float *p, int w, vf other) {
  __m256i mask = lane_mask(w);
  return (vf)_mm256_blendv_ps((__m256)other, _mm256_maskload_ps(p, mask), (__m256)mask);
}
ALWAYS_INLINE void store_some(float *p, vf v, int w) { _mm256_maskstore_ps(p, lane_mask(w), (__m256)v); }
// Past the caches, for results too large to stay in them; p is aligned to the vector.
ALWAYS_INLINE void store_past_cache(float *p, vf v) { _mm256_stream_ps(p, (__m256)v); }
ALWAYS_INLINE void finish_stores(void) { _mm_sfence(); }
// Maximum and minimum; when a lane of either is NaN the result is b.
ALWAYS_INLINE vf vmax(vf a, vf b) { return (vf)_mm256_max_ps((__m256)a, (__m256)b); }
ALWAYS_INLINE vf vmin(vf a, vf b) { return (vf)_mm256_min_ps((__m256)a, (__m256)b); }
ALWAYS_INLINE vf vsqrt(vf v) { return (vf)_mm256_sqrt_ps((__m256)v); }

// One flag for every lane: all bits or none.
typedef vi vmask;
ALWAYS_INLINE vmask less(vf a, vf b) { return (vi)(a < b); }
ALWAYS_INLINE vmask is_nan(vf v) { return (vi)(v != v); }
ALWAYS_INLINE vmask less_int(vi a, vi b) { return (vi)(a < b); }
ALWAYS_INLINE vf choose(vmask mask, vf yes, vf no) {
  return (vf)_mm256_blendv_ps((__m256)no, (__m256)yes, (__m256)mask);
}
// Halves of four floats, `step` apart; `quads` (a constant) of them.
ALWAYS_INLINE vf load_quads(const float *p, int64_t step, int quads) {
  __m256 v = _mm256_castps128_ps256(_mm_loadu_ps(p));
  return (vf)(quads > 1 ? _mm256_insertf128_ps(v, _mm_loadu_ps(p + step), 1) : v);
}
// In each half a0 b0 a1 b1, a2 b2 a3 b3, a0 a1 b0 b1 and a2 a3 b2 b3.
ALWAYS_INLINE vf interleave_low(vf a, vf b) { return (vf)_mm256_unpacklo_ps((__m256)a, (__m256)b); }
ALWAYS_INLINE vf interleave_high(vf a, vf b) { return (vf)_mm256_unpackhi_ps((__m256)a, (__m256)b); }
ALWAYS_INLINE vf low_pairs(vf a, vf b) { return (vf)_mm256_shuffle_ps((__m256)a, (__m256)b, 0x44); }
ALWAYS_INLINE vf high_pairs(vf a, vf b) { return (vf)_mm256_shuffle_ps((__m256)a, (__m256)b, 0xee); }
// The sum of the vector's halves, four floats.
ALWAYS_INLINE v4 fold_sum(vf v) {
  return (v4)_mm_add_ps(_mm256_castps256_ps128((__m256)v), _mm256_extractf128_ps((__m256)v, 1));
}
ALWAYS_INLINE v4 fold_max(vf v) {
  return (v4)_mm_max_ps(_mm256_castps256_ps128((__m256)v), _mm256_extractf128_ps((__m256)v, 1));
}

// p * 2^n for whole n in [-127, 128] and p in [0.7, 1.5]; NaN stays NaN.
ALWAYS_INLINE vf times_power_of_two(vf p, vf n) {
  return (vf)((vi)p + (vi)_mm256_slli_epi32(_mm256_cvtps_epi32((__m256)n), 23));
}
ALWAYS_INLINE vf nearest(vf v) {
  return (vf)_mm256_round_ps((__m256)v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
