// Copies of rows of 4-byte elements; items = rows.
#include "kernel.h"
#include <string.h>

// dst[dstOffset + row dstRowStride + c] = src[srcOffset + row srcRowStride + c]
// tensors dst, src; ints rows, C, dstRowStride, srcRowStride, dstOffset, srcOffset
KERNEL(copy_rows) {
  const int64_t *i = a->i;
  int32_t *dst = (int32_t *)a->t[0] + i[4];
  const int32_t *src = (const int32_t *)a->t[1] + i[5];
  for (int64_t row = begin; row < end; row++) memcpy(dst + row * i[2], src + row * i[3], (size_t)i[1] * 4);
}

// dst[row] = src[idx[row]]
// tensors dst[rows, C], src[..., C], idx[rows] (int32); ints C
KERNEL(gather_rows) {
  int64_t C = a->i[0];
  const int32_t *idx = a->t[2];
  for (int64_t row = begin; row < end; row++) {
    memcpy((int32_t *)a->t[0] + row * C, (const int32_t *)a->t[1] + idx[row] * C, (size_t)C * 4);
  }
}
