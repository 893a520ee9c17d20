// Adam (Kingma and Ba 2015), and AdamW (Loshchilov and Hutter 2019) when decoupled.
#include "kernel.h"
#include "simd.h"

typedef struct {
  float b1, b2, keep1, keep2, eps, step, rootScale, gradScale, shrink, decay;
} adam_factors;

static adam_factors read_factors(const double *f, int decoupled, int decays) {
  double weightDecay = decays ? f[4] : 0;
  return (adam_factors){
      .b1 = (float)f[1], .b2 = (float)f[2], .keep1 = (float)(1 - f[1]), .keep2 = (float)(1 - f[2]), .eps = (float)f[3],
      .step = (float)(f[0] / f[5]), .rootScale = (float)(1 / sqrt(f[6])), .gradScale = (float)f[7],
      .shrink = decoupled ? (float)(1 - f[0] * weightDecay) : 1, .decay = decoupled ? 0 : (float)weightDecay};
}

static void update(float *p, float *m, float *v, const float *g, int64_t n, adam_factors f) {
  FOR_VECTORS(k, n, {
    vf parameter = load(p + k, W), grad = load(g + k, W) * f.gradScale;
    grad = grad + parameter * f.decay;
    vf first = load(m + k, W) * f.b1 + grad * f.keep1;
    vf second = load(v + k, W) * f.b2 + grad * grad * f.keep2;
    store(m + k, first, W);
    store(v + k, second, W);
    store(p + k, parameter * f.shrink - f.step * first / (vsqrt(second) * f.rootScale + f.eps), W);
  });
}

// For each of `count` tensors, of which tensor k has the elements start[k] to start[k + 1] of all:
// g = gradScale g (+ weightDecay p); m = b1 m + (1 - b1) g; v = b2 v + (1 - b2) g^2
// p = p (1 - lr weightDecay, if decoupled) - lr (m / bc1) / (sqrt(v / bc2) + eps)
// tensors all p, all m, all v, all g; ints decoupled, count, start[count + 1], decays[count] (0: no weight decay);
// floats lr, b1, b2, eps, weightDecay, bc1 = 1 - b1^t, bc2 = 1 - b2^t, gradScale; items = all elements
KERNEL(adam) {
  int64_t count = a->i[1];
  const int64_t *start = a->i + 2, *decays = start + count + 1;
  for (int64_t k = 0; k < count; k++) {
    int64_t first = max64(begin, start[k]) - start[k], last = min64(end, start[k + 1]) - start[k];
    if (first >= last) continue;
    float *const p = a->t[k], *const m = a->t[count + k], *const v = a->t[2 * count + k];
    const float *g = a->t[3 * count + k];
    update(p + first, m + first, v + first, g + first, last - first, read_factors(a->f, a->i[0] != 0, decays[k] != 0));
  }
}
