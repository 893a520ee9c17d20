// Root-mean-square normalisation (Zhang & Sennrich 2019) over rows of C: y = x r w, r = 1 / sqrt(mean(x^2) + eps).
#include "column_sums.h"
#include "kernel.h"
#include "rows.h"

// tensors y[rows, C], r[rows], x[rows, C], w[C] or NULL; ints C; floats eps
KERNEL(rms_norm) {
  int64_t C = a->i[0];
  double eps = a->f[0];
  float *factors = a->t[1];
  const float *w = a->t[3];
  for (int64_t row = begin; row < end; row++) {
    float *y = (float *)a->t[0] + row * C;
    const float *x = (const float *)a->t[2] + row * C;
    float r = (float)(1.0 / sqrt((double)row_sum_squares(x, C) / (double)C + eps));
    factors[row] = r;
    FOR_VECTORS(c, C, {
      vf n = load(x + c, W) * r;
      if (w) n = n * load(w + c, W);
      store(y + c, n, W);
    });
  }
}

typedef struct {
  float *dx, *partial; // partial[blocks, C] of dw, or NULL
  const float *x, *w, *factors, *dy;
  int64_t rows, C, blockRows;
} rms_backward;

// dx = r (g - n mean(g n)) with g = dy w and n = x r
static void row_backward(const rms_backward *s, int64_t row) {
  int64_t C = s->C;
  const float *x = s->x + row * C, *dy = s->dy + row * C, *w = s->w;
  float r = s->factors[row], *dx = s->dx + row * C;
  vf products = splat(0);
  FOR_VECTORS(c, C, {
    vf g = load(dy + c, W);
    if (w) g = g * load(w + c, W);
    products += g * load(x + c, W);
  });
  float slope = lane_sum(products) * r * r / (float)C;
  FOR_VECTORS(c, C, {
    vf g = load(dy + c, W);
    if (w) g = g * load(w + c, W);
    store(dx + c, (g - load(x + c, W) * slope) * r, W);
  });
}

static void block_backward(void *context, int64_t block) {
  const rms_backward *s = context;
  int64_t first = block * s->blockRows, last = min64(first + s->blockRows, s->rows);
  float *dw = s->partial ? s->partial + block * s->C : NULL;
  for (int64_t c = 0; dw && c < s->C; c++) dw[c] = 0;
  for (int64_t row = first; row < last; row++) {
    const float *x = s->x + row * s->C, *dy = s->dy + row * s->C;
    if (s->dx) row_backward(s, row);
    if (!dw) continue;
    float r = s->factors[row];
    FOR_VECTORS(c, s->C, store(dw + c, load(dw + c, W) + load(dy + c, W) * (load(x + c, W) * r), W););
  }
}

// tensors dx[rows, C] or NULL, dw[C] or NULL, x[rows, C], w[C] or NULL, r[rows], dy[rows, C]; ints rows, C; items = 1
KERNEL(rms_norm_backward) {
  int64_t rows = a->i[0], C = a->i[1];
  float *dw = a->t[1], *partial = NULL;
  int64_t perBlock = block_rows(rows), blocks = ceil_div(rows, perBlock);
  if (dw) {
    partial = heed_scratch(HEED_SCRATCH_A, (size_t)(blocks * C + 1) * sizeof(float));
    if (!partial) return;
  }
  rms_backward s = {a->t[0], partial, a->t[2], a->t[3], a->t[4], a->t[5], rows, C, perBlock};
  if (rows * C < 16384) {
    for (int64_t block = 0; block < blocks; block++) block_backward(&s, block);
  } else {
    heed_parallel_for(blocks, block_backward, &s);
  }
  if (dw) reduce_partial_sums(dw, partial, blocks, C);
}
