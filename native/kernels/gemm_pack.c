// Copies operands into the panels that the packed product reads.
#include "gemm.h"
#include "simd.h"
#include "transpose.h"

// Whole rows of MR: compilers make a few wide moves of a memcpy, and single ones of a loop over twelve.
static void pack_low_rows(float *dst, const float *src, int64_t sk, int64_t K) {
  for (int64_t k = 0; k < K; k++) __builtin_memcpy(dst + k * MR, src + k * sk, MR * sizeof(float));
}

static void pack_wide_rows(float *dst, const float *src, int64_t sk, int64_t K) {
  for (int64_t k = 0; k < K; k++) {
    UNROLL for (int v = 0; v < NV; v++) store(dst + k * NR + v * VL, load(src + k * sk + v * VL, VL), VL);
  }
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
    pack_low_rows(dst, src, sk, K);
  } else if (count == width && width == NR) {
    pack_wide_rows(dst, src, sk, K);
  } else {
    pack_rows(dst, width, src, sk, count, K);
  }
}
