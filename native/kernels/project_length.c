// Sequences of any length become K rows each (Linformer, Wang et al. 2020): y = E x, E [P, K, room] with one matrix for
// every block of D columns, of which a sequence of n rows uses the first n columns.
#include "gemm.h"
#include "rows.h"

enum { COLUMNS = 64, ROWS = 16 }; // of a task: columns of y and x, rows of E

typedef struct {
  int64_t B, P, K, D, room, row, total; // row = P D, total rows of all sequences
  const int32_t *starts; // [B + 1]
} projection_shape;

static projection_shape read_projection(const heed_args *a, const int32_t *starts) {
  const int64_t *i = a->i;
  return (projection_shape){i[0], i[1], i[2], i[3], i[4], i[1] * i[3], i[5], starts};
}

typedef struct {
  int64_t b, block, column, width, first, length; // sequence, matrix, columns of all, and its rows
} projection_task;

static projection_task task_of(const projection_shape *p, int64_t item) {
  int64_t perBlock = ceil_div(p->D, COLUMNS), part = item % perBlock, block = item / perBlock % p->P;
  int64_t b = item / (perBlock * p->P), column = part * COLUMNS;
  return (projection_task){b, block, block * p->D + column, min64(COLUMNS, p->D - column), p->starts[b],
                           p->starts[b + 1] - p->starts[b]};
}

// tensors y [B K, P D], x [total, P D], E, starts (int32 [B + 1]); ints B, P, K, D, room, total;
// items = B * P * ceil(D / 64)
KERNEL(project_length) {
  projection_shape p = read_projection(a, a->t[3]);
  for (int64_t item = begin; item < end; item++) {
    projection_task n = task_of(&p, item);
    matmul g = {.M = p.K, .N = n.width, .K = n.length, .A = (const float *)a->t[2] + n.block * p.K * p.room, .ai = p.room,
                .ak = 1, .B = (const float *)a->t[1] + n.first * p.row + n.column, .bk = p.row, .bj = 1,
                .C = (float *)a->t[0] + n.b * p.K * p.row + n.column, .ldc = p.row};
    matmul_direct(&g);
  }
}

// dx = E^T dy for the columns of one task
static void input_gradient(const projection_shape *p, const heed_args *a, int64_t item) {
  projection_task n = task_of(p, item);
  matmul g = {.M = n.length, .N = n.width, .K = p->K, .A = (const float *)a->t[3] + n.block * p->K * p->room, .ai = 1,
              .ak = p->room, .B = (const float *)a->t[4] + n.b * p->K * p->row + n.column, .bk = p->row, .bj = 1,
              .C = (float *)a->t[0] + n.first * p->row + n.column, .ldc = p->row};
  matmul_direct(&g);
}

// dE += dy x^T over all sequences, for some rows of one matrix
static void weight_gradient(const projection_shape *p, const heed_args *a, int64_t item) {
  int64_t perBlock = ceil_div(p->K, ROWS), block = item / perBlock, k = item % perBlock * ROWS;
  int64_t rows = min64(ROWS, p->K - k);
  float *to = (float *)a->t[1] + (block * p->K + k) * p->room;
  FOR_VECTORS(c, rows * p->room, store(to + c, splat(0), W););
  for (int64_t b = 0; b < p->B; b++) {
    matmul g = {.M = rows, .N = p->starts[b + 1] - p->starts[b], .K = p->D,
                .A = (const float *)a->t[4] + (b * p->K + k) * p->row + block * p->D, .ai = p->row, .ak = 1,
                .B = (const float *)a->t[2] + p->starts[b] * p->row + block * p->D, .bk = 1, .bj = p->row,
                .C = to, .ldc = p->room, .accumulate = 1};
    matmul_rows(&g);
  }
}

// tensors dx, dE, x, E, dy, starts; ints of `project_length`; items = those of `project_length` + P * ceil(K / 16)
KERNEL(project_length_backward) {
  projection_shape p = read_projection(a, a->t[5]);
  int64_t inputs = p.B * p.P * ceil_div(p.D, COLUMNS);
  for (int64_t item = begin; item < end; item++) {
    if (item < inputs) input_gradient(&p, a, item);
    else weight_gradient(&p, a, item - inputs);
  }
}
