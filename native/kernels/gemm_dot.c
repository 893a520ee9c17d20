// Products of rows: C[i, j] = sum over k of A[i, k] B[j, k], both operands read along k. For few rows, where
// transposing B would cost more than the product (decoding: one token times a weight matrix).
#include "gemm.h"
#include "simd.h"

enum { DOT_ROWS = VL == 16 ? 6 : 2, DOT_COLUMNS = 4 };

// rows and columns are constants wherever this is called.
ALWAYS_INLINE void dot_block(const matmul *g, int rows, int columns, int64_t i, int64_t j) {
  vf acc[DOT_ROWS][DOT_COLUMNS];
  UNROLL for (int r = 0; r < rows; r++) {
    UNROLL for (int c = 0; c < DOT_COLUMNS; c++) acc[r][c] = splat(0);
  }
  const int64_t ai = g->ai, bj = g->bj;
  const float *A[2] = {g->A + i * ai, g->A + (i + 3) * ai}, *B = g->B + j * bj;
  FOR_VECTORS(k, g->K, {
    vf b[DOT_COLUMNS];
    UNROLL for (int c = 0; c < columns; c++) b[c] = load(B + c * bj + k, W);
    UNROLL for (int r = 0; r < rows; r++) {
      vf x = load(A[r / 3] + (r % 3) * ai + k, W);
      UNROLL for (int c = 0; c < columns; c++) acc[r][c] = multiply_add(x, b[c], acc[r][c]);
    }
  });
  UNROLL for (int r = 0; r < rows; r++) {
    v4 sums = lane_sums(acc[r][0], acc[r][1], acc[r][2], acc[r][3]);
    float *out = g->C + (i + r) * g->ldc + j;
    UNROLL for (int c = 0; c < columns; c++) {
      out[c] = sums[c] + (g->accumulate ? out[c] : g->bias ? g->bias[j + c] : 0);
    }
  }
}

// A sum over [0, n) of x b with four chains of additions, so that a row in the cache does not wait for them.
ALWAYS_INLINE vf dot_row(const float *x, const float *b, int64_t n) {
  vf s0 = splat(0), s1 = s0, s2 = s0, s3 = s0;
  int64_t k = 0;
  for (; k + 4 * VL <= n; k += 4 * VL) {
    s0 += load(x + k, VL) * load(b + k, VL);
    s1 += load(x + k + VL, VL) * load(b + k + VL, VL);
    s2 += load(x + k + 2 * VL, VL) * load(b + k + 2 * VL, VL);
    s3 += load(x + k + 3 * VL, VL) * load(b + k + 3 * VL, VL);
  }
  FOR_VECTORS(c, n - k, s0 += load(x + k + c, W) * load(b + k + c, W););
  return (s0 + s1) + (s2 + s3);
}

// A single row of A: B is read once, in one stream from its first row to its last, which memory serves up to three
// times faster than several rows side by side.
static void single_row(const matmul *g) {
  int64_t j = 0;
  for (; j + DOT_COLUMNS <= g->N; j += DOT_COLUMNS) {
    vf acc[DOT_COLUMNS];
    UNROLL for (int c = 0; c < DOT_COLUMNS; c++) acc[c] = dot_row(g->A, g->B + (j + c) * g->bj, g->K);
    v4 sums = lane_sums(acc[0], acc[1], acc[2], acc[3]);
    UNROLL for (int c = 0; c < DOT_COLUMNS; c++) {
      float *out = g->C + j + c;
      *out = sums[c] + (g->accumulate ? *out : g->bias ? g->bias[j + c] : 0);
    }
  }
  for (; j < g->N; j++) {
    float *out = g->C + j, sum = lane_sum(dot_row(g->A, g->B + j * g->bj, g->K));
    *out = sum + (g->accumulate ? *out : g->bias ? g->bias[j] : 0);
  }
}

typedef void (*dot_function)(const matmul *g, int64_t i, int64_t j);

#define DOT_ROW_COUNT(r)                                                                   \
  static void four_##r(const matmul *g, int64_t i, int64_t j) { dot_block(g, r, 4, i, j); } \
  static void one_##r(const matmul *g, int64_t i, int64_t j) { dot_block(g, r, 1, i, j); }

DOT_ROW_COUNT(1)
DOT_ROW_COUNT(2)
#if VL == 16
DOT_ROW_COUNT(3)
DOT_ROW_COUNT(4)
DOT_ROW_COUNT(5)
DOT_ROW_COUNT(6)
static const dot_function fourColumns[] = {four_1, four_2, four_3, four_4, four_5, four_6};
static const dot_function oneColumn[] = {one_1, one_2, one_3, one_4, one_5, one_6};
#else
static const dot_function fourColumns[] = {four_1, four_2};
static const dot_function oneColumn[] = {one_1, one_2};
#endif

// One part of `parts` of the columns [j, j + DOT_COLUMNS) on its way into the cache.
ALWAYS_INLINE void fetch_ahead(const matmul *g, int64_t j, int64_t part, int64_t parts) {
  if (j + DOT_COLUMNS > g->N) return;
  int64_t first = part * g->K / parts, last = (part + 1) * g->K / parts;
  for (int c = 0; c < DOT_COLUMNS; c++) {
    for (int64_t k = first; k < last; k += LINE) __builtin_prefetch(g->B + (j + c) * g->bj + k);
  }
}

// All rows of a few columns, in blocks of nearly equal height. While many are computed the next columns come from memory;
// for few rows the processor foresees them better by itself.
static void dot_columns(const matmul *g, const dot_function *functions, int64_t j) {
  enum { MANY_ROWS = 32 };
  int64_t blocks = ceil_div(g->M, DOT_ROWS), i = 0;
  for (int64_t b = 0; b < blocks; b++) {
    int64_t rows = (g->M - i) / (blocks - b);
    if (g->M >= MANY_ROWS) fetch_ahead(g, j + DOT_COLUMNS, b, blocks);
    functions[rows - 1](g, i, j);
    i += rows;
  }
}

// Rows of A beyond the first few are read once for every four columns, so they must stay in cache.
enum { STREAMED_ROWS = 8, K_BLOCK = 512 };

void matmul_dot(const matmul *g) {
  if (g->M == 1) {
    single_row(g);
    return;
  }
  matmul part = *g;
  int64_t step = g->M <= STREAMED_ROWS ? max64(1, g->K) : K_BLOCK, k = 0;
  do { // at least once: K = 0 leaves the bias
    part.K = min64(step, g->K - k);
    part.A = g->A + k;
    part.B = g->B + k;
    int64_t j = 0;
    for (; j + DOT_COLUMNS <= g->N; j += DOT_COLUMNS) dot_columns(&part, fourColumns, j);
    for (; j < g->N; j++) dot_columns(&part, oneColumn, j);
    part.accumulate = 1;
    k += step;
  } while (k < g->K);
}
