// Operations without a vector extension: AVX-512.
#pragma once

ALWAYS_INLINE vf splat(float x) { return (vf)_mm512_set1_ps(x); }
ALWAYS_INLINE vf load_some(const float *p, int w, vf other) {
  return (vf)_mm512_mask_loadu_ps((__m512)other, (__mmask16)((1u << w) - 1), p);
}
ALWAYS_INLINE void store_some(float *p, vf v, int w) {
  _mm512_mask_storeu_ps(p, (__mmask16)((1u << w) - 1), (__m512)v);
}
// Past the caches, for results too large to stay in them; p is aligned to the vector.
ALWAYS_INLINE void store_past_cache(float *p, vf v) { _mm512_stream_ps(p, (__m512)v); }
ALWAYS_INLINE void finish_stores(void) { _mm_sfence(); }
// Maximum and minimum; when a lane of either is NaN the result is b.
ALWAYS_INLINE vf vmax(vf a, vf b) { return (vf)_mm512_max_ps((__m512)a, (__m512)b); }
ALWAYS_INLINE vf vmin(vf a, vf b) { return (vf)_mm512_min_ps((__m512)a, (__m512)b); }
ALWAYS_INLINE vf vsqrt(vf v) { return (vf)_mm512_sqrt_ps((__m512)v); }

// 1 / x for x from 1 to 2^126: an estimate with 14 right bits and a step of Newton's.
ALWAYS_INLINE vf reciprocal(vf x) {
  vf r = (vf)_mm512_rcp14_ps((__m512)x);
  return r * (2.0f - x * r);
}

// One flag for every lane.
typedef __mmask16 vmask;
ALWAYS_INLINE vmask less(vf a, vf b) { return _mm512_cmp_ps_mask((__m512)a, (__m512)b, _CMP_LT_OQ); }
ALWAYS_INLINE vmask is_nan(vf v) { return _mm512_cmp_ps_mask((__m512)v, (__m512)v, _CMP_UNORD_Q); }
ALWAYS_INLINE vmask less_int(vi a, vi b) { return _mm512_cmplt_epi32_mask((__m512i)a, (__m512i)b); }
ALWAYS_INLINE vf choose(vmask mask, vf yes, vf no) {
  return (vf)_mm512_mask_blend_ps(mask, (__m512)no, (__m512)yes);
}
// The first w lanes whose byte at p is not 0.
ALWAYS_INLINE vmask load_mask(const uint8_t *p, int w) {
  __m128i bytes = _mm_maskz_loadu_epi8((__mmask16)((1u << w) - 1), p);
  return _mm_test_epi8_mask(bytes, bytes);
}
// Quarters of four floats, `step` apart; `quads` (a constant) of them.
ALWAYS_INLINE vf load_quads(const float *p, int64_t step, int quads) {
  __m512 v = _mm512_castps128_ps512(_mm_loadu_ps(p));
  if (quads > 1) v = _mm512_mask_broadcast_f32x4(v, 0x00f0, _mm_loadu_ps(p + step));
  if (quads > 2) v = _mm512_mask_broadcast_f32x4(v, 0x0f00, _mm_loadu_ps(p + 2 * step));
  if (quads > 3) v = _mm512_mask_broadcast_f32x4(v, 0xf000, _mm_loadu_ps(p + 3 * step));
  return (vf)v;
}
// In each quarter a0 b0 a1 b1, a2 b2 a3 b3, a0 a1 b0 b1 and a2 a3 b2 b3.
ALWAYS_INLINE vf interleave_low(vf a, vf b) { return (vf)_mm512_unpacklo_ps((__m512)a, (__m512)b); }
ALWAYS_INLINE vf interleave_high(vf a, vf b) { return (vf)_mm512_unpackhi_ps((__m512)a, (__m512)b); }
ALWAYS_INLINE vf low_pairs(vf a, vf b) { return (vf)_mm512_shuffle_ps((__m512)a, (__m512)b, 0x44); }
ALWAYS_INLINE vf high_pairs(vf a, vf b) { return (vf)_mm512_shuffle_ps((__m512)a, (__m512)b, 0xee); }
// The sum of the vector's quarters, four floats.
ALWAYS_INLINE v4 fold_sum(vf v) {
  __m256 half = _mm256_add_ps(_mm512_castps512_ps256((__m512)v), _mm512_extractf32x8_ps((__m512)v, 1));
  return (v4)_mm_add_ps(_mm256_castps256_ps128(half), _mm256_extractf128_ps(half, 1));
}
ALWAYS_INLINE v4 fold_max(vf v) {
  __m256 half = _mm256_max_ps(_mm512_castps512_ps256((__m512)v), _mm512_extractf32x8_ps((__m512)v, 1));
  return (v4)_mm_max_ps(_mm256_castps256_ps128(half), _mm256_extractf128_ps(half, 1));
}

// p * 2^n for whole n, 0 below the normal range.
ALWAYS_INLINE vf times_power_of_two(vf p, vf n) { return (vf)_mm512_scalef_ps((__m512)p, (__m512)n); }
ALWAYS_INLINE vf nearest(vf v) {
  return (vf)_mm512_roundscale_ps((__m512)v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
