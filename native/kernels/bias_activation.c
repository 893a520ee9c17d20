// y = dropout(activation(x + bias)), the middle of a feed-forward layer, in one pass. Rows of C.
#include "bf16.h"
#include "column_sums.h"
#include "dropout.h"
#include "kernel.h"
#include "vmath.h"

typedef struct {
  float *y;             // [rows, C]: y, or dx
  const float *x, *dy;  // [rows, C]
  const float *bias;    // [C] or NULL
  float *partial;       // [blocks, C] or NULL
  float *rounding;      // [C]: a row of y before it is stored as bf16; NULL where y is fp32
  int64_t rows, C, blockRows;
  int code, dropping;
  dropout drop;
} activation_job;

ALWAYS_INLINE void forward_rows(const activation_job *s, int code, int64_t begin, int64_t end) {
  for (int64_t row = begin; row < end; row++) {
    const float *x = s->x + row * s->C;
    float *y = s->rounding ? s->rounding : s->y + row * s->C;
    uint32_t n = (uint32_t)(row * s->C);
    FOR_VECTORS(c, s->C, {
      vf v = load(x + c, W);
      if (s->bias) v = v + load(s->bias + c, W);
      v = activate(code, v);
      if (s->dropping) v = dropout_apply(&s->drop, v, n + (uint32_t)c);
      store(y + c, v, W);
    });
    if (s->rounding) store_rounded((uint16_t *)s->y + row * s->C, y, s->C);
  }
}

// dx = dropout(dy) activation'(x + bias); db adds up dx over the rows
ALWAYS_INLINE void backward_rows(const activation_job *s, int code, int64_t begin, int64_t end, float *db) {
  for (int64_t row = begin; row < end; row++) {
    const float *x = s->x + row * s->C, *dy = s->dy + row * s->C;
    float *dx = s->y + row * s->C;
    uint32_t n = (uint32_t)(row * s->C);
    FOR_VECTORS(c, s->C, {
      vf g = load(dy + c, W);
      if (s->dropping) g = dropout_apply(&s->drop, g, n + (uint32_t)c);
      if (code != ACT_NONE) {
        vf v = load(x + c, W);
        if (s->bias) v = v + load(s->bias + c, W);
        g = g * activation_slope(code, v);
      }
      store(dx + c, g, W);
      if (db) store(db + c, load(db + c, W) + g, W);
    });
  }
}

static void forward(const activation_job *s, int64_t begin, int64_t end) {
#define CALL(code) forward_rows(s, code, begin, end)
  FOR_EACH_ACTIVATION(s->code, CALL)
#undef CALL
}

static void backward_block(void *context, int64_t block) {
  const activation_job *s = context;
  int64_t begin = block * s->blockRows, end = min64(begin + s->blockRows, s->rows);
  float *db = s->partial ? s->partial + block * s->C : NULL;
  for (int64_t c = 0; db && c < s->C; c++) db[c] = 0;
#define CALL(code) backward_rows(s, code, begin, end, db)
  FOR_EACH_ACTIVATION(s->code, CALL)
#undef CALL
}

// Runs all blocks of rows and adds up db[C], which may be NULL.
static void backward(activation_job *s, float *db) {
  s->blockRows = block_rows(s->rows);
  int64_t blocks = ceil_div(s->rows, s->blockRows);
  if (db) s->partial = heed_scratch(HEED_SCRATCH_A, (size_t)(blocks * s->C + 1) * sizeof(float));
  if (db && !s->partial) return;
  if (s->rows * s->C < 16384) {
    for (int64_t block = 0; block < blocks; block++) backward_block(s, block);
  } else {
    heed_parallel_for(blocks, backward_block, s);
  }
  if (db) reduce_partial_sums(db, s->partial, blocks, s->C);
}

// tensors y, x [rows, C], bias[C] or NULL; ints C, activation, k0, k1, whether y is bf16; floats p; items = rows
KERNEL(bias_activation_dropout) {
  activation_job s = {
      .y = a->t[0], .x = a->t[1], .bias = a->t[2], .C = a->i[0], .code = (int)a->i[1], .dropping = a->f[0] > 0,
      .drop = dropout_of(a->f[0], a->i[2], a->i[3])};
  if (a->i[4] && !(s.rounding = heed_scratch(HEED_SCRATCH_A, (size_t)s.C * sizeof(float)))) return;
  forward(&s, begin, end);
}

// tensors dx[rows, C], db[C] or NULL, dy[rows, C], x[rows, C], bias[C] or NULL; ints rows, C, activation, k0, k1;
// floats p; items = 1
KERNEL(bias_activation_dropout_backward) {
  activation_job s = {
      .y = a->t[0], .dy = a->t[2], .x = a->t[3], .bias = a->t[4], .rows = a->i[0], .C = a->i[1],
      .code = (int)a->i[2], .dropping = a->f[0] > 0, .drop = dropout_of(a->f[0], a->i[3], a->i[4])};
  backward(&s, a->t[1]);
}

// y = residual + dropout(x + bias), the end of a sublayer.
// tensors y, x [rows, C], bias[C] or NULL, residual[rows, C] or NULL; ints C, k0, k1; floats p; items = rows
KERNEL(bias_dropout_residual) {
  int64_t C = a->i[0];
  dropout drop = dropout_of(a->f[0], a->i[1], a->i[2]);
  for (int64_t row = begin; row < end; row++) {
    int64_t n = row * C;
    add_dropped_row((float *)a->t[0] + n, (const float *)a->t[1] + n, a->t[2], a->t[3] ? (const float *)a->t[3] + n : NULL,
                    C, a->f[0] > 0 ? &drop : NULL, (uint32_t)n);
  }
}

// dx = dropout(dy); db = sum of dx over rows. The residual's gradient is dy itself.
// tensors dx[rows, C], db[C] or NULL, dy[rows, C]; ints rows, C, k0, k1; floats p; items = 1
KERNEL(bias_dropout_residual_backward) {
  activation_job s = {
      .y = a->t[0], .dy = a->t[2], .x = a->t[2], .rows = a->i[0], .C = a->i[1], .code = ACT_NONE,
      .dropping = a->f[0] > 0, .drop = dropout_of(a->f[0], a->i[2], a->i[3])};
  backward(&s, a->t[1]);
}
