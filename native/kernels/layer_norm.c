// Layer normalisation (Ba et al. 2016) over rows of C: y = (x - mean) rstd w + b, rstd = 1 / sqrt(variance + eps).
#include "column_sums.h"
#include "kernel.h"
#include "rows.h"

// Two passes: a mean, then the deviations from it, whose own mean corrects the first for rounding. So the variance
// keeps its digits even when the mean is a million times the deviation.
// tensors y[rows, C], mean[rows], rstd[rows], x[rows, C], w[C] or NULL, b[C] or NULL; ints C; floats eps
KERNEL(layer_norm) {
  int64_t C = a->i[0];
  double eps = a->f[0];
  float *means = a->t[1], *rstds = a->t[2];
  const float *w = a->t[4], *b = a->t[5];
  for (int64_t row = begin; row < end; row++) {
    float *y = (float *)a->t[0] + row * C;
    const float *x = (const float *)a->t[3] + row * C;
    float center = row_sum(x, C) / (float)C;
    vf sum0 = splat(0), sum1 = sum0, squares0 = sum0, squares1 = sum0;
    int64_t c0 = 0;
    for (; c0 + 2 * VL <= C; c0 += 2 * VL) {
      vf d0 = load(x + c0, VL) - center, d1 = load(x + c0 + VL, VL) - center;
      sum0 += d0;
      sum1 += d1;
      squares0 += d0 * d0;
      squares1 += d1 * d1;
    }
    FOR_VECTORS(c, C - c0, {
      vf d = load_or(x + c0 + c, W, center) - center;
      sum0 += d;
      squares0 += d * d;
    });
    float correction = lane_sum(sum0 + sum1) / (float)C;
    double variance = (double)lane_sum(squares0 + squares1) / (double)C - (double)correction * correction;
    float rstd = (float)(1.0 / sqrt((variance > 0 || variance != variance ? variance : 0) + eps));
    means[row] = center + correction;
    rstds[row] = rstd;
    FOR_VECTORS(c, C, {
      vf n = ((load(x + c, W) - center) - correction) * rstd;
      if (w) n = n * load(w + c, W);
      if (b) n = n + load(b + c, W);
      store(y + c, n, W);
    });
  }
}

typedef struct {
  float *dx, *partial; // partial[blocks, 2, C]: dw, then db
  const float *x, *w, *mean, *rstd, *dy;
  int64_t rows, C, blockRows;
  int wantWeights;
} norm_backward;

// dx = rstd (g - mean(g) - n mean(g n)) with g = dy w and n = (x - mean) rstd
static void row_backward(const norm_backward *s, int64_t row) {
  int64_t C = s->C;
  const float *x = s->x + row * C, *dy = s->dy + row * C, *w = s->w;
  float mean = s->mean[row], rstd = s->rstd[row], *dx = s->dx + row * C;
  vf sum = splat(0), products = splat(0);
  FOR_VECTORS(c, C, {
    vf g = load(dy + c, W);
    if (w) g = g * load(w + c, W);
    sum += g;
    products += g * (load(x + c, W) - mean);
  });
  float meanGrad = lane_sum(sum) / (float)C, meanProduct = lane_sum(products) * rstd / (float)C;
  FOR_VECTORS(c, C, {
    vf g = load(dy + c, W);
    if (w) g = g * load(w + c, W);
    vf n = (load(x + c, W) - mean) * rstd;
    store(dx + c, (g - meanGrad - n * meanProduct) * rstd, W);
  });
}

static void add_weight_gradients(const norm_backward *s, int64_t row, float *dw, float *db) {
  const float *x = s->x + row * s->C, *dy = s->dy + row * s->C;
  float mean = s->mean[row], rstd = s->rstd[row];
  FOR_VECTORS(c, s->C, {
    vf g = load(dy + c, W);
    store(dw + c, load(dw + c, W) + g * ((load(x + c, W) - mean) * rstd), W);
    store(db + c, load(db + c, W) + g, W);
  });
}

static void block_backward(void *context, int64_t block) {
  const norm_backward *s = context;
  int64_t first = block * s->blockRows, last = min64(first + s->blockRows, s->rows);
  float *dw = s->partial + block * 2 * s->C, *db = dw + s->C;
  if (s->wantWeights) {
    for (int64_t c = 0; c < 2 * s->C; c++) dw[c] = 0;
  }
  for (int64_t row = first; row < last; row++) {
    if (s->dx) row_backward(s, row);
    if (s->wantWeights) add_weight_gradients(s, row, dw, db);
  }
}

// tensors dx[rows, C] or NULL, dw[C] or NULL, db[C] or NULL, x[rows, C], w[C] or NULL, mean[rows], rstd[rows],
// dy[rows, C]; ints rows, C; items = 1
KERNEL(layer_norm_backward) {
  int64_t rows = a->i[0], C = a->i[1];
  float *dw = a->t[1], *db = a->t[2];
  int64_t perBlock = block_rows(rows), blocks = ceil_div(rows, perBlock);
  float *partial = heed_scratch(HEED_SCRATCH_A, (size_t)(blocks + 1) * 2 * (size_t)C * sizeof(float));
  if (!partial) return;
  norm_backward s = {a->t[0], partial, a->t[3], a->t[4], a->t[5], a->t[6], a->t[7], rows, C, perBlock, dw || db};
  if (rows * C < 16384) {
    for (int64_t block = 0; block < blocks; block++) block_backward(&s, block);
  } else {
    heed_parallel_for(blocks, block_backward, &s);
  }
  if (!dw && !db) return;
  float *sums = partial + blocks * 2 * C;
  reduce_partial_sums(sums, partial, blocks, 2 * C);
  for (int64_t c = 0; c < C; c++) {
    if (dw) dw[c] = sums[c];
    if (db) db[c] = sums[C + c];
  }
}
