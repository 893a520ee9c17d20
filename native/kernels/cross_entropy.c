// Cross-entropy with label smoothing (Szegedy et al. 2016) from logits, without storing probabilities. Rows of V.
#include "kernel.h"
#include "rows.h"
#include "vmath.h"

// loss = (1 - e) (lse - x[target]) + e (lse - mean x), lse = log sum e^x; 0 for ignored rows
// tensors loss[rows], lse[rows], logits[rows, V], targets[rows] (int32); ints V, ignoreIndex; floats e; items = rows
KERNEL(cross_entropy) {
  int64_t V = a->i[0];
  float *losses = a->t[0], *lses = a->t[1];
  const int32_t *targets = a->t[3];
  double smoothing = a->f[0];
  for (int64_t row = begin; row < end; row++) {
    const float *x = (const float *)a->t[2] + row * V;
    float shift = row_max(x, V);
    if (shift == -INFINITY) shift = 0;
    vf sum = splat(0);
    FOR_VECTORS(c, V, sum += vexp(load_or(x + c, W, -INFINITY) - shift););
    double lse = (double)shift + log((double)lane_sum(sum));
    lses[row] = (float)lse;
    if (targets[row] == a->i[1]) {
      losses[row] = 0;
      continue;
    }
    double loss = (1 - smoothing) * (lse - (double)x[targets[row]]);
    if (smoothing > 0) loss += smoothing * (lse - (double)row_sum(x, V) / (double)V);
    losses[row] = (float)loss;
  }
}

// dlogits = gradRow (softmax - (1 - e) onehot - e / V); 0 for ignored rows. dlogits may be logits.
// tensors dlogits[rows, V], logits[rows, V], lse[rows], targets[rows] (int32), gradRow[rows]; ints V, ignoreIndex;
// floats e; items = rows
KERNEL(cross_entropy_backward) {
  int64_t V = a->i[0];
  const float *lses = a->t[2], *grads = a->t[4];
  const int32_t *targets = a->t[3];
  float smoothing = (float)a->f[0], share = (float)(a->f[0] / (double)V);
  for (int64_t row = begin; row < end; row++) {
    float *dx = (float *)a->t[0] + row * V;
    const float *x = (const float *)a->t[1] + row * V;
    if (targets[row] == a->i[1]) {
      FOR_VECTORS(c, V, store(dx + c, splat(0), W););
      continue;
    }
    float lse = lses[row], grad = grads[row];
    FOR_VECTORS(c, V, store(dx + c, (vexp(load(x + c, W) - lse) - share) * grad, W););
    dx[targets[row]] -= grad * (1 - smoothing);
  }
}
