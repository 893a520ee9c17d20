// Numbers of bf16 in memory: the upper halves of fp32 numbers.
#pragma once
#include "kernel.h"

// To the nearest, of two equally near ones to the even one; NaN stays NaN.
ALWAYS_INLINE void store_rounded(uint16_t *dst, const float *src, int64_t n) {
  for (int64_t i = 0; i < n; i++) {
    uint32_t bits;
    __builtin_memcpy(&bits, src + i, sizeof bits);
    uint32_t nearest = (bits + 0x7fff + (bits >> 16 & 1)) >> 16, quiet = bits >> 16 | 0x40;
    dst[i] = (uint16_t)((bits & 0x7fffffff) > 0x7f800000 ? quiet : nearest);
  }
}
