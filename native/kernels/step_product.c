// Products of the few rows of a decoding step with weights that are read once: memory sets their speed, so all columns
// of all products of an input are one parallel loop.
#include "decoder_step.h"

enum { TASK_BYTES = 1 << 16 };

typedef struct {
  const float *x;
  int64_t rows, K, columns; // columns of a task
  const step_product *parts;
} step_job;

static void finish_rows(const step_product *p, int64_t rows, int64_t j, int64_t n) {
  for (int64_t row = 0; row < rows; row++) {
    float *y = p->y + row * p->stride + j;
    FOR_VECTORS(c, n, {
      vf v = load(y + c, W);
      if (p->bias) v += load(p->bias + j + c, W);
      store(y + c, activate(p->activation, v), W);
    });
  }
}

static void multiply_columns(void *context, int64_t task) {
  const step_job *s = context;
  const step_product *p = s->parts;
  for (int64_t own; task >= (own = ceil_div(p->N, s->columns)); p++) task -= own;
  int64_t j = task * s->columns, n = min64(s->columns, p->N - j);
  matmul g = {.M = s->rows, .N = n, .K = s->K, .A = s->x, .ai = s->K, .ak = 1, .B = p->weight + j * s->K, .bk = 1,
              .bj = s->K, .C = p->y + j, .ldc = p->stride, .accumulate = p->add};
  matmul_rows(&g);
  finish_rows(p, s->rows, j, n);
}

void multiply_step(const float *x, int64_t rows, int64_t K, const step_product *parts, int count) {
  int64_t columns = max64(1, TASK_BYTES / (4 * max64(K, 1)));
  step_job s = {x, rows, K, ceil_div(columns, 16) * 16, parts};
  int64_t tasks = 0;
  for (int part = 0; part < count; part++) tasks += ceil_div(parts[part].N, s.columns);
  heed_parallel_for(tasks, multiply_columns, &s);
}
