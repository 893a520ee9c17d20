// Sums over rows (gradients of biases and norm weights), in parallel and with the same bits for any number of threads:
// fixed blocks of rows each make a partial sum, then the partial sums are added in order.
#pragma once
#include "kernel.h"
#include "simd.h"

enum { MAX_ROW_BLOCKS = 64, MIN_BLOCK_ROWS = 16 };

static inline int64_t block_rows(int64_t rows) {
  return max64(MIN_BLOCK_ROWS, ceil_div(rows, MAX_ROW_BLOCKS));
}

typedef struct {
  const float *partial; // [blocks, C]
  float *sum;           // [C]
  int64_t blocks, C;
} partial_sums;

enum { SUM_COLUMNS = 256 };

static void add_partial_sums(void *context, int64_t task) {
  const partial_sums *s = context;
  int64_t first = task * SUM_COLUMNS, last = min64(first + SUM_COLUMNS, s->C);
  FOR_VECTORS(c, last - first, {
    vf sum = splat(0);
    for (int64_t block = 0; block < s->blocks; block++) sum += load(s->partial + block * s->C + first + c, W);
    store(s->sum + first + c, sum, W);
  });
}

// sum[C] = sum over blocks of partial[blocks, C]
static inline void reduce_partial_sums(float *sum, const float *partial, int64_t blocks, int64_t C) {
  partial_sums s = {partial, sum, blocks, C};
  int64_t tasks = ceil_div(C, SUM_COLUMNS);
  if (blocks * C < 65536) {
    for (int64_t task = 0; task < tasks; task++) add_partial_sums(&s, task);
  } else {
    heed_parallel_for(tasks, add_partial_sums, &s);
  }
}
