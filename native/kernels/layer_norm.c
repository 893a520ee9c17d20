// Layer normalisation (Ba et al. 2016) over rows of C: y = (x - mean) rstd w + b, rstd = 1 / sqrt(variance + eps).
#include "column_sums.h"
#include "dropout.h"
#include "kernel.h"
#include "rows.h"

typedef struct {
  float *y, *mean, *rstd; // [rows, C], [rows], [rows]
  const float *x;         // [rows, C]
  const float *w, *b;     // [C] or NULL
  int64_t C;
  double eps;
} norm_forward;

// Two passes: a mean, then the deviations from it, whose own mean corrects the first for rounding. So the variance
// keeps its digits even when the mean is a million times the deviation.
static void row_forward(const norm_forward *s, int64_t row) {
  int64_t C = s->C;
  const float *x = s->x + row * C, *w = s->w, *b = s->b;
  float *y = s->y + row * C, center = row_sum(x, C) / (float)C;
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
  float rstd = (float)(1.0 / sqrt((variance > 0 || variance != variance ? variance : 0) + s->eps));
  s->mean[row] = center + correction;
  s->rstd[row] = rstd;
  FOR_VECTORS(c, C, {
    vf n = ((load(x + c, W) - center) - correction) * rstd;
    if (w) n = n * load(w + c, W);
    if (b) n = n + load(b + c, W);
    store(y + c, n, W);
  });
}

// tensors y[rows, C], mean[rows], rstd[rows], x[rows, C], w[C] or NULL, b[C] or NULL; ints C; floats eps
KERNEL(layer_norm) {
  norm_forward s = {a->t[0], a->t[1], a->t[2], a->t[3], a->t[4], a->t[5], a->i[0], a->f[0]};
  for (int64_t row = begin; row < end; row++) row_forward(&s, row);
}

// The end of a sublayer and the norm behind it: sum = residual + dropout(x), y = norm(sum), for so few rows at a time that the
// first cache keeps their sums beside all that streams through it.
// tensors y, sum [rows, C], mean[rows], rstd[rows], x, residual [rows, C], w[C] or NULL, b[C] or NULL; ints C, k0, k1;
// floats p, eps; items = rows
KERNEL(dropout_residual_norm) {
  enum { KEPT_NUMBERS = 1 << 9 };
  int64_t C = a->i[0], together = max64(1, KEPT_NUMBERS / max64(C, 1));
  float *sum = a->t[1];
  const float *x = a->t[4], *residual = a->t[5];
  dropout drop = dropout_of(a->f[0], a->i[1], a->i[2]);
  norm_forward s = {a->t[0], a->t[2], a->t[3], sum, a->t[6], a->t[7], C, a->f[1]};
  for (int64_t first = begin; first < end; first += together) {
    int64_t n = first * C, last = min64(first + together, end);
    add_dropped_row(sum + n, x + n, NULL, residual + n, (last - first) * C, a->f[0] > 0 ? &drop : NULL, (uint32_t)n);
    for (int64_t row = first; row < last; row++) row_forward(&s, row);
  }
}

typedef struct {
  float *dx, *partial; // partial[blocks, 2, C]: dw, then db
  const float *x, *w, *mean, *rstd, *dy;
  int64_t rows, C, blockRows;
  int wantWeights;
  float *dropped;      // dropout(dx), or NULL
  const dropout *drop; // NULL where nothing is dropped
} norm_backward;

// dx = rstd (g - mean(g) - n mean(g n)) with g = dy w and n = (x - mean) rstd
static void row_backward(const norm_backward *s, int64_t row) {
  int64_t C = s->C;
  const float *x = s->x + row * C, *dy = s->dy + row * C, *w = s->w;
  float mean = s->mean[row], rstd = s->rstd[row];
  float *dx = s->dx ? s->dx + row * C : NULL, *dropped = s->dropped ? s->dropped + row * C : NULL;
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
    vf d = (g - meanGrad - n * meanProduct) * rstd;
    if (dx) store(dx + c, d, W);
    if (dropped) store(dropped + c, s->drop ? dropout_apply(s->drop, d, (uint32_t)(row * C + c)) : d, W);
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
    if (s->dx || s->dropped) row_backward(s, row);
    if (s->wantWeights) add_weight_gradients(s, row, dw, db);
  }
}

// Runs all blocks of rows and adds up dw[C] and db[C], which may be NULL.
static void backward(norm_backward *s, float *dw, float *db) {
  int64_t C = s->C;
  s->blockRows = block_rows(s->rows);
  s->wantWeights = dw || db;
  int64_t blocks = ceil_div(s->rows, s->blockRows);
  s->partial = heed_scratch(HEED_SCRATCH_A, (size_t)(blocks + 1) * 2 * (size_t)C * sizeof(float));
  if (!s->partial) return;
  if (s->rows * C < 16384) {
    for (int64_t block = 0; block < blocks; block++) block_backward(s, block);
  } else {
    heed_parallel_for(blocks, block_backward, s);
  }
  if (!s->wantWeights) return;
  float *sums = s->partial + blocks * 2 * C;
  reduce_partial_sums(sums, s->partial, blocks, 2 * C);
  for (int64_t c = 0; c < C; c++) {
    if (dw) dw[c] = sums[c];
    if (db) db[c] = sums[C + c];
  }
}

// tensors dx[rows, C] or NULL, dw[C] or NULL, db[C] or NULL, x[rows, C], w[C] or NULL, mean[rows], rstd[rows],
// dy[rows, C]; ints rows, C; items = 1
KERNEL(layer_norm_backward) {
  norm_backward s = {.dx = a->t[0], .x = a->t[3], .w = a->t[4], .mean = a->t[5], .rstd = a->t[6], .dy = a->t[7],
                     .rows = a->i[0], .C = a->i[1]};
  backward(&s, a->t[1], a->t[2]);
}

// tensors dx[rows, C] or NULL, dresidual[rows, C] or NULL, dw[C] or NULL, db[C] or NULL, sum[rows, C], w[C] or NULL,
// mean[rows], rstd[rows], dy[rows, C]; ints rows, C, k0, k1; floats p; items = 1
KERNEL(dropout_residual_norm_backward) {
  dropout drop = dropout_of(a->f[0], a->i[2], a->i[3]);
  norm_backward s = {.dx = a->t[1], .x = a->t[4], .w = a->t[5], .mean = a->t[6], .rstd = a->t[7], .dy = a->t[8],
                     .rows = a->i[0], .C = a->i[1], .dropped = a->t[0], .drop = a->f[0] > 0 ? &drop : NULL};
  backward(&s, a->t[2], a->t[3]);
}
