// Copies operands into the panels that the packed product reads.
#include "gemm.h"
#include "transpose.h"

ALWAYS_INLINE void pack_rows(float *dst, int width, const float *src, int64_t sk, int count, int64_t K) {
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
    pack_rows(dst, MR, src, sk, MR, K);
  } else if (count == width && width == NR) {
    pack_rows(dst, NR, src, sk, NR, K);
  } else {
    pack_rows(dst, width, src, sk, count, K);
  }
}
