// Attention over lists of keys. A pattern divides the queries into runs; every query of a run sees the keys of the
// run's ranges, as far as mask and band show them. A block of scores is made of pieces of ranges, side by side.
#pragma once
#include "attention_rows.h"
#include "gemm.h"
#include "transpose.h"

typedef struct {
  int64_t runs, count; // of runs and of ranges
  const int32_t *queries, *firstRange; // [runs + 1] each
  const int32_t *first, *end; // [count] keys of each range
} sparse_pattern;

// tensors [2, runs + 1] and [2, count], int32
static inline sparse_pattern read_pattern(const int32_t *runs, const int32_t *ranges, int64_t count) {
  int64_t total = runs[2 * count + 1];
  return (sparse_pattern){count, total, runs, runs + count + 1, ranges, ranges + total};
}

typedef struct {
  int64_t key, count, column; // keys [key, key + count) in the columns from `column` on
} piece;

typedef struct {
  piece items[S_BLOCK];
  int64_t count, width; // pieces, and columns of all
} piece_block;

typedef struct {
  int64_t range, end, key; // the range to go on with, the last one's end, and the next key in it
} range_cursor;

static inline range_cursor ranges_of(const sparse_pattern *n, int64_t run) {
  int64_t first = n->firstRange[run], end = n->firstRange[run + 1];
  return (range_cursor){first, end, first < end ? n->first[first] : 0};
}

// The next keys of the run that the queries [t, t + rows) see, as many as fit a block; 0 columns at the end.
static inline void next_pieces(const attention_shape *p, const sparse_pattern *n, int64_t t, int64_t rows,
                               range_cursor *at, piece_block *block) {
  block->count = block->width = 0;
  while (at->range < at->end && block->width < S_BLOCK) {
    int64_t left = n->end[at->range] - at->key, taken = min64(left, S_BLOCK - block->width);
    index_range seen = visible_keys(p, t, rows, at->key, taken);
    if (seen.end > 0) {
      block->items[block->count++] = (piece){at->key + seen.first, seen.end - seen.first, block->width};
      block->width += seen.end - seen.first;
    }
    at->key += taken;
    if (taken == left && ++at->range < at->end) at->key = n->first[at->range];
  }
}

// Below so many products of rows, or dot products, the preparations of a matrix product take longer than it.
enum { FEW_ROWS = 8, FEW_KEYS = 4 };

// As matmul_direct.
static inline void multiply(const matmul *g) {
  if (g->M * g->K > FEW_ROWS) {
    matmul_direct(g);
    return;
  }
  for (int64_t i = 0; i < g->M; i++) {
    float *to = g->C + i * g->ldc;
    if (!g->accumulate) FOR_VECTORS(c, g->N, store(to + c, splat(0), W););
    for (int64_t k = 0; k < g->K; k++) {
      const float *row = g->B + k * g->bk;
      float factor = g->A[i * g->ai + k * g->ak];
      FOR_VECTORS(c, g->N, store(to + c, load(to + c, W) + factor * load(row + c, W), W););
    }
  }
}

// As matmul_dot.
static inline void multiply_rows(const matmul *g) {
  if (g->N >= FEW_KEYS) {
    matmul_dot(g);
    return;
  }
  for (int64_t i = 0; i < g->M; i++) {
    for (int64_t j = 0; j < g->N; j++) g->C[i * g->ldc + j] = dot_row(g->A + i * g->ai, g->B + j * g->bj, g->K);
  }
}

// C[rows, width] = A times the rows of `source` that the pieces name: those of keys, or of values. A, ai, M, K, C and
// ldc are given; `transposed` has room for [K, ldc].
static inline void multiply_pieces(const piece_block *block, matmul g, const float *source, int64_t sourceRow,
                                   float *transposed) {
  int isFew = g.M < 4; // to pay for a transpose
  for (int64_t i = 0; i < block->count; i++) {
    const piece *each = block->items + i;
    const float *rows = source + each->key * sourceRow;
    if (isFew) {
      matmul own = g;
      own.N = each->count;
      own.B = rows;
      own.bk = 1;
      own.bj = sourceRow;
      own.C = g.C + each->column;
      multiply_rows(&own);
    } else {
      transpose(transposed + each->column, g.ldc, rows, sourceRow, each->count, g.K);
    }
  }
  if (isFew) return;
  g.N = block->width;
  g.B = transposed;
  g.bk = g.ldc;
  g.bj = 1;
  matmul_direct(&g);
}
