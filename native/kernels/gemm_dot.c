// Products of rows: C[i, j] = sum over k of A[i, k] B[j, k], both operands read along k. For few rows, where
// transposing B would cost more than the product (decoding: one token times a weight matrix).
#include "gemm.h"
#include "simd.h"

enum { DOT_ROWS = VL == 16 ? 6 : 2, DOT_COLUMNS = 4 };

ALWAYS_INLINE void dot_block(const matmul *g, int rows, int columns, int64_t i, int64_t j) {
  vf acc[DOT_ROWS][DOT_COLUMNS];
  UNROLL for (int r = 0; r < rows; r++) {
    UNROLL for (int c = 0; c < columns; c++) acc[r][c] = splat(0);
  }
  const float *A = g->A + i * g->ai, *B = g->B + j * g->bj;
  const int64_t ai = g->ai, bj = g->bj;
  FOR_VECTORS(k, g->K, {
    vf b[DOT_COLUMNS];
    UNROLL for (int c = 0; c < columns; c++) b[c] = load(B + c * bj + k, W);
    UNROLL for (int r = 0; r < rows; r++) {
      vf x = load(A + r * ai + k, W);
      UNROLL for (int c = 0; c < columns; c++) acc[r][c] += x * b[c];
    }
  });
  UNROLL for (int r = 0; r < rows; r++) {
    UNROLL for (int c = 0; c < columns; c++) {
      float *out = g->C + (i + r) * g->ldc + j + c;
      float base = g->accumulate ? *out : g->bias ? g->bias[j + c] : 0;
      *out = lane_sum(acc[r][c]) + base;
    }
  }
}

ALWAYS_INLINE void dot_columns(const matmul *g, int columns, int64_t j) {
  int64_t i = 0;
  for (; i + DOT_ROWS <= g->M; i += DOT_ROWS) dot_block(g, DOT_ROWS, columns, i, j);
#if VL == 16
  if (i + 4 <= g->M) {
    dot_block(g, 4, columns, i, j);
    i += 4;
  }
  if (i + 2 <= g->M) {
    dot_block(g, 2, columns, i, j);
    i += 2;
  }
#endif
  for (; i < g->M; i++) dot_block(g, 1, columns, i, j);
}

void matmul_dot(const matmul *g) {
  int64_t j = 0;
  for (; j + DOT_COLUMNS <= g->N; j += DOT_COLUMNS) dot_columns(g, DOT_COLUMNS, j);
  for (; j < g->N; j++) dot_columns(g, 1, j);
}
