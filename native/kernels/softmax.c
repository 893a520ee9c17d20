// softmax, log-softmax and their gradients over the last axis. Rows of C; items = rows.
#include "kernel.h"
#include "rows.h"
#include "vmath.h"

// y = e^(x - shift); returns the sum. A row without a finite value is shifted by 0, so that -inf gives 0, not NaN.
static float exp_row(float *y, const float *x, int64_t C, float shift) {
  vf sum = splat(0);
  FOR_VECTORS(c, C, {
    vf e = vexp(load_or(x + c, W, -INFINITY) - shift);
    store(y + c, e, W);
    sum += e;
  });
  return lane_sum(sum);
}

static float finite_shift(float max) { return max == -INFINITY ? 0.0f : max; }

// y = e^x / sum e^x
// tensors y[rows, C], x[rows, C]; ints C
KERNEL(softmax) {
  int64_t C = a->i[0];
  for (int64_t row = begin; row < end; row++) {
    float *y = (float *)a->t[0] + row * C;
    const float *x = (const float *)a->t[1] + row * C;
    float sum = exp_row(y, x, C, finite_shift(row_max(x, C)));
    float inverse = sum == 0 ? 0 : 1.0f / sum;
    FOR_VECTORS(c, C, store(y + c, load(y + c, W) * inverse, W););
  }
}

// dx = y (dy - sum y dy)
// tensors dx, y, dy [rows, C]; ints C
KERNEL(softmax_backward) {
  int64_t C = a->i[0];
  for (int64_t row = begin; row < end; row++) {
    float *dx = (float *)a->t[0] + row * C;
    const float *y = (const float *)a->t[1] + row * C, *dy = (const float *)a->t[2] + row * C;
    vf sum = splat(0);
    FOR_VECTORS(c, C, sum += load(y + c, W) * load(dy + c, W););
    float dot = lane_sum(sum);
    FOR_VECTORS(c, C, store(dx + c, load(y + c, W) * (load(dy + c, W) - dot), W););
  }
}

// y = x - log sum e^x
// tensors y, x [rows, C]; ints C
KERNEL(log_softmax) {
  int64_t C = a->i[0];
  for (int64_t row = begin; row < end; row++) {
    float *y = (float *)a->t[0] + row * C;
    const float *x = (const float *)a->t[1] + row * C;
    float shift = finite_shift(row_max(x, C));
    vf sum = splat(0);
    FOR_VECTORS(c, C, sum += vexp(load_or(x + c, W, -INFINITY) - shift););
    float logSum = logf(lane_sum(sum));
    FOR_VECTORS(c, C, store(y + c, (load(x + c, W) - shift) - logSum, W););
  }
}

// dx = dy - e^y sum dy
// tensors dx, y, dy [rows, C]; ints C
KERNEL(log_softmax_backward) {
  int64_t C = a->i[0];
  for (int64_t row = begin; row < end; row++) {
    float *dx = (float *)a->t[0] + row * C;
    const float *y = (const float *)a->t[1] + row * C, *dy = (const float *)a->t[2] + row * C;
    float sum = row_sum(dy, C);
    FOR_VECTORS(c, C, store(dx + c, load(dy + c, W) - vexp(load(y + c, W)) * sum, W););
  }
}
