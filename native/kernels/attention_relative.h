// Scores that attention adds to its products: from a table by the distance of key and query, and one by one.
// Tables: [rows, H, W], a row for each query or for each sequence; key s and query t meet in column
// clip(s - t - offset - first, 0, W - 1).
#pragma once
#include "rows.h"
#include "vmath.h"

typedef struct {
  const float *table; // NULL, or the scores by distance
  int perQuery;       // a row of the table for each query, else for each sequence
  int64_t width, first; // columns, and the distance of the first one
  int bins;             // the weights by distance are wanted too: H * W more columns of the output
  const float *bias;    // NULL, or [B, H, T, S]
  float cap;            // 0, or what scores are bent below: cap tanh(score / cap)
} relative_scores;

// Which of n neighbouring keys lie left of the table's inner columns, and where those right of it begin. `at` is the
// column of the first key if the table were endless.
typedef struct {
  int64_t left, right;
} table_span;

static inline table_span span_of(int64_t at, int64_t n, int64_t width) {
  int64_t left = max64(0, min64(n, -at));
  return (table_span){left, max64(left, min64(n, width - at))};
}

static inline void add_constant(float *x, int64_t n, float value) {
  FOR_VECTORS(c, n, store(x + c, load(x + c, W) + value, W););
}

// x = cap tanh(x / cap)
static inline void cap_scores(float *x, int64_t n, float cap) {
  float inverse = 1 / cap;
  FOR_VECTORS(c, n, store(x + c, cap * vtanh(load(x + c, W) * inverse), W););
}

// x[c] += table[clip(at + c)]
static inline void add_by_distance(float *x, const float *table, int64_t at, int64_t n, int64_t width) {
  table_span span = span_of(at, n, width);
  add_constant(x, span.left, table[0]);
  const float *inner = table + at + span.left;
  float *y = x + span.left;
  FOR_VECTORS(c, span.right - span.left, store(y + c, load(y + c, W) + load(inner + c, W), W););
  add_constant(x + span.right, n - span.right, table[width - 1]);
}

// table[clip(at + c)] += x[c]
static inline void sum_by_distance(float *table, const float *x, int64_t at, int64_t n, int64_t width) {
  table_span span = span_of(at, n, width);
  if (span.left > 0) table[0] += row_sum(x, span.left);
  if (span.right < n) table[width - 1] += row_sum(x + span.right, n - span.right);
  float *inner = table + at + span.left;
  const float *y = x + span.left;
  FOR_VECTORS(c, span.right - span.left, store(inner + c, load(inner + c, W) + load(y + c, W), W););
}
