// Transposes in registers, four by four.
#include "transpose.h"
#include "simd.h"

ALWAYS_INLINE v4 load4(const float *p) { return *(const v4_memory *)p; }
ALWAYS_INLINE void store4(float *p, v4 v) { *(v4_memory *)p = v; }

// Four rows become four adjacent columns.
static void transpose_four(float *dst, int64_t dstRow, const float *src, int64_t srcRow, int64_t columns) {
  const float *s0 = src, *s1 = src + srcRow, *s2 = src + 2 * srcRow, *s3 = src + 3 * srcRow;
  int64_t c = 0;
  for (; c + 4 <= columns; c += 4) {
    v4 p = load4(s0 + c), q = load4(s1 + c), r = load4(s2 + c), s = load4(s3 + c);
    v4 pq0 = SHUFFLE4(p, q, 0, 4, 1, 5), pq1 = SHUFFLE4(p, q, 2, 6, 3, 7);
    v4 rs0 = SHUFFLE4(r, s, 0, 4, 1, 5), rs1 = SHUFFLE4(r, s, 2, 6, 3, 7);
    float *to = dst + c * dstRow;
    store4(to, SHUFFLE4(pq0, rs0, 0, 1, 4, 5));
    store4(to + dstRow, SHUFFLE4(pq0, rs0, 2, 3, 6, 7));
    store4(to + 2 * dstRow, SHUFFLE4(pq1, rs1, 0, 1, 4, 5));
    store4(to + 3 * dstRow, SHUFFLE4(pq1, rs1, 2, 3, 6, 7));
  }
  for (; c < columns; c++) store4(dst + c * dstRow, (v4){s0[c], s1[c], s2[c], s3[c]});
}

void transpose(float *dst, int64_t dstRow, const float *src, int64_t srcRow, int64_t rows, int64_t columns) {
  int64_t r = 0;
  for (; r + 4 <= rows; r += 4) transpose_four(dst + r, dstRow, src + r * srcRow, srcRow, columns);
  for (; r < rows; r++) {
    for (int64_t c = 0; c < columns; c++) dst[c * dstRow + r] = src[r * srcRow + c];
  }
}
