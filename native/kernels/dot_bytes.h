// Sums of products of bytes: every 32-bit lane of w holds four codes of one row of weights, x four of the activations.
#pragma once
#include "simd.h"

// acc + sum of the four products; the codes are unsigned and below 16, or signed and above -128.
#if VL == 16 && defined(__AVX512F__)

ALWAYS_INLINE vi dot_unsigned(vi acc, vi w, const int32_t *x) {
  __m512i pairs = _mm512_maddubs_epi16((__m512i)w, _mm512_set1_epi32(*x));
  return acc + (vi)_mm512_madd_epi16(pairs, _mm512_set1_epi16(1));
}
ALWAYS_INLINE vi dot_signed(vi acc, vi w, const int32_t *x) {
  __m512i values = _mm512_set1_epi32(*x), zero = _mm512_setzero_si512();
  __m512i turned = _mm512_mask_sub_epi8(values, _mm512_movepi8_mask((__m512i)w), zero, values);
  __m512i pairs = _mm512_maddubs_epi16(_mm512_abs_epi8((__m512i)w), turned);
  return acc + (vi)_mm512_madd_epi16(pairs, _mm512_set1_epi16(1));
}
// As one instruction (AVX-512 VNNI), for unsigned codes of eight bits. Asked for by name, because the rest of the file
// must run where it is missing.
#define HAS_VNNI_VARIANT 1
ALWAYS_INLINE vi dot_vnni(vi acc, vi w, const int32_t *x) {
  __asm__("vpdpbusd %2%{1to16%}, %1, %0" : "+v"(acc) : "v"(w), "m"(*x));
  return acc;
}
static inline int cpu_has_vnni(void) { return __builtin_cpu_supports("avx512vnni") != 0; }

#elif VL == 8 && defined(__AVX2__)

ALWAYS_INLINE vi dot_unsigned(vi acc, vi w, const int32_t *x) {
  __m256i pairs = _mm256_maddubs_epi16((__m256i)w, _mm256_set1_epi32(*x));
  return acc + (vi)_mm256_madd_epi16(pairs, _mm256_set1_epi16(1));
}
ALWAYS_INLINE vi dot_signed(vi acc, vi w, const int32_t *x) {
  __m256i turned = _mm256_sign_epi8(_mm256_set1_epi32(*x), (__m256i)w);
  __m256i pairs = _mm256_maddubs_epi16(_mm256_abs_epi8((__m256i)w), turned);
  return acc + (vi)_mm256_madd_epi16(pairs, _mm256_set1_epi16(1));
}

#else

ALWAYS_INLINE vi dot_signed(vi acc, vi w, const int32_t *x) {
  const int8_t *values = (const int8_t *)x;
  UNROLL for (int k = 0; k < 4; k++) acc += ((w << (24 - 8 * k)) >> 24) * (int32_t)values[k];
  return acc;
}
ALWAYS_INLINE vi dot_unsigned(vi acc, vi w, const int32_t *x) { return dot_signed(acc, w, x); }

#endif

#ifndef HAS_VNNI_VARIANT
#define HAS_VNNI_VARIANT 0
ALWAYS_INLINE vi dot_vnni(vi acc, vi w, const int32_t *x) { return dot_signed(acc, w, x); }
static inline int cpu_has_vnni(void) { return 0; }
#endif
