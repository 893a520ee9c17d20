// Copies operands into the panels that the packed product reads.
#include "gemm.h"
#include "transpose.h"

// Whole rows, whose width is a constant: compilers make a few wide moves of a memcpy, and single ones of a loop.
ALWAYS_INLINE void pack_whole_rows(float *dst, int width, const float *src, int64_t sk, int64_t K) {
  for (int64_t k = 0; k < K; k++) __builtin_memcpy(dst + k * width, src + k * sk, (size_t)width * sizeof(float));
}

static void pack_rows(float *dst, int width, const float *src, int64_t sk, int count, int64_t K) {
  for (int64_t k = 0; k < K; k++) {
    for (int i = 0; i < width; i++) dst[k * width + i] = i < count ? src[k * sk + i] : 0;
  }
}

void pack_panel(float *dst, int width, const float *src, int64_t si, int64_t sk, int count, int64_t K) {
  if (si != 1) {
    transpose(dst, width, src, si, count, K);
    for (int64_t k = 0; count < width && k < K; k++) {
      for (int i = count; i < width; i++) dst[k * width + i] = 0;
    }
  } else if (count == width && width == MR) {
    pack_whole_rows(dst, MR, src, sk, K);
  } else if (count == width && width == NR) {
    pack_whole_rows(dst, NR, src, sk, K);
  } else {
    pack_rows(dst, width, src, sk, count, K);
  }
}
