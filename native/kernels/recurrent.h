// Recurrent layers: the state of every sequence, step by step; the products with the inputs were made before.
// Gates stand side by side: LSTM input, forget, cell, output; GRU reset, update, new; Elman one.
#pragma once
#include "gemm.h"
#include "simd.h"
#include "vmath.h"

enum { CELL_TANH, CELL_RELU, CELL_LSTM, CELL_GRU };
// Sequences go through time in groups that share nothing, so a group is a task: one for each thread, but of no fewer rows
// than a product needs to be fast. A row's bits do not depend on the rows beside it.
enum { MIN_GROUP_ROWS = MR, PANEL_DEPTH = 256 };

// The sequences, longest first: rows [first, first + length), read from the end when reversed; `place` among the states.
// Group g has the sequences g, g + groups, g + 2 groups …, so that all groups have about the same work.
typedef struct {
  const int32_t *first, *length, *place;
  int64_t count, groups;
  int reverse;
} sequence_list;

static inline sequence_list sequences_of(const int32_t *plan, int64_t count, int reverse) {
  int64_t groups = max64(1, min64(heed_threads(), count / MIN_GROUP_ROWS));
  return (sequence_list){plan, plan + count, plan + 2 * count, count, groups, reverse};
}

// The sequences of a group, and the k-th of them.
static inline int64_t group_size(const sequence_list *s, int64_t group) {
  return (s->count - group + s->groups - 1) / s->groups;
}
static inline int64_t member(const sequence_list *s, int64_t group, int64_t k) { return group + k * s->groups; }

// The row of step t of a sequence.
static inline int64_t row_at(const sequence_list *s, int64_t sequence, int64_t t) {
  return s->first[sequence] + (s->reverse ? s->length[sequence] - 1 - t : t);
}

static inline int64_t covered_rows(const sequence_list *s) {
  int64_t rows = 0;
  for (int64_t k = 0; k < s->count; k++) rows += s->length[k];
  return rows;
}

static inline void copy_floats(float *to, const float *from, int64_t n) {
  FOR_VECTORS(c, n, store(to + c, load(from + c, W), W););
}
static inline void clear_floats(float *to, int64_t n) { FOR_VECTORS(c, n, store(to + c, splat(0), W);); }

static inline int64_t gates_of(int cell) { return cell == CELL_LSTM ? 4 : cell == CELL_GRU ? 3 : 1; }
// What the forward pass keeps of a step, in state widths: i f g o c; r z n and the recurrent part of n; nothing.
static inline int64_t kept_of(int cell) { return cell == CELL_LSTM ? 5 : cell == CELL_GRU ? 4 : 0; }

// A right operand B[K, N] that is multiplied with many times: as panels of NR columns, or, for a product or two, the rows
// of its transpose where they lie.
typedef struct {
  const float *data;
  int64_t K, N;
  int isPacked;
} recurrent_weight;

// Packs B into `memory` of (N rounded up to NR) * K floats.
static inline recurrent_weight pack_weight(float *memory, const float *B, int64_t K, int64_t N, int64_t bk, int64_t bj) {
  for (int64_t j = 0; j < N; j += NR) pack_panel(memory + j * K, NR, B + j * bj, bj, bk, (int)min64(NR, N - j), K);
  return (recurrent_weight){memory, K, N, 1};
}

// C[M, N] = (accumulate ? C : bias or 0) + A[M, K] B
static inline void multiply_state(const recurrent_weight *b, const float *A, int64_t M, float *C, const float *bias,
                                  int accumulate) {
  if (!b->isPacked) {
    void *tensors[] = {C, (void *)A, (void *)b->data, (void *)bias};
    int64_t ints[] = {0, 1, M, b->N, b->K, b->K, b->K, b->N, accumulate, 1, 0, 0, 0};
    HEED_NAME(gemm)(&(heed_args){tensors, ints, NULL}, 0, 1);
    return;
  }
  matmul g = {.M = M, .A = A, .ai = b->K, .ak = 1, .bk = NR, .bj = 1, .ldc = b->N};
  for (int64_t j = 0; j < b->N; j += NR) {
    g.N = min64(NR, b->N - j);
    g.C = C + j;
    g.bias = bias ? bias + j : NULL;
    for (int64_t k = 0; k < b->K; k += PANEL_DEPTH) { // all rows meet a piece of the panel while the first cache holds it
      g.K = min64(PANEL_DEPTH, b->K - k);
      g.A = A + k;
      g.B = b->data + j * b->K + k * NR;
      g.accumulate = accumulate || k > 0;
      matmul_direct(&g);
    }
  }
}

static inline size_t packed_bytes(int64_t K, int64_t N) { return (size_t)(ceil_div(N, NR) * NR * K) * sizeof(float); }
