// Recurrent layers: the state of every sequence, step by step; the products with the inputs were made before.
// Gates stand side by side: LSTM input, forget, cell, output; GRU reset, update, new; Elman one.
#pragma once
#include "gemm.h"
#include "simd.h"
#include "vmath.h"

enum { CELL_TANH, CELL_RELU, CELL_LSTM, CELL_GRU };
// Sequences that go through time together. They share nothing with other groups, so a group is a task; the number
// depends on nothing but the batch, and so do the bits.
enum { GROUP_ROWS = 16 };

// The sequences, longest first: rows [first, first + length), read from the end when reversed; `place` among the states.
typedef struct {
  const int32_t *first, *length, *place;
  int64_t count, groups, perGroup;
  int reverse;
} sequence_list;

static inline sequence_list sequences_of(const int32_t *plan, int64_t count, int reverse) {
  int64_t groups = ceil_div(count, GROUP_ROWS);
  return (sequence_list){plan, plan + count, plan + 2 * count, count, groups, ceil_div(count, max64(groups, 1)), reverse};
}

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

// A right operand B[K, N] that is multiplied with many times: as panels of NR columns, or where it lies.
typedef struct {
  const float *data;
  int64_t K, N, bk, bj;
  int isPacked;
} recurrent_weight;

// Packs B into `memory` of (N rounded up to NR) * K floats.
static inline recurrent_weight pack_weight(float *memory, const float *B, int64_t K, int64_t N, int64_t bk, int64_t bj) {
  for (int64_t j = 0; j < N; j += NR) pack_panel(memory + j * K, NR, B + j * bj, bj, bk, (int)min64(NR, N - j), K);
  return (recurrent_weight){memory, K, N, NR, 1, 1};
}

// C[M, N] = (accumulate ? C : bias or 0) + A[M, K] B
static inline void multiply_state(const recurrent_weight *b, const float *A, int64_t M, float *C, const float *bias,
                                  int accumulate) {
  matmul g = {.M = M, .N = b->N, .K = b->K, .A = A, .ai = b->K, .ak = 1, .B = b->data, .bk = b->bk, .bj = b->bj, .C = C,
              .ldc = b->N, .bias = bias, .accumulate = accumulate};
  if (!b->isPacked) {
    matmul_rows(&g);
    return;
  }
  for (int64_t j = 0; j < b->N; j += NR) {
    g.N = min64(NR, b->N - j);
    g.B = b->data + j * b->K;
    g.C = C + j;
    g.bias = bias ? bias + j : NULL;
    matmul_direct(&g);
  }
}

static inline size_t packed_bytes(int64_t K, int64_t N) { return (size_t)(ceil_div(N, NR) * NR * K) * sizeof(float); }
