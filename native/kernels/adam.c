// Adam (Kingma and Ba 2015), and AdamW (Loshchilov and Hutter 2019) when decoupled.
#include "kernel.h"
#include "simd.h"

// g = gradScale g (+ weightDecay p); m = b1 m + (1 - b1) g; v = b2 v + (1 - b2) g^2
// p = p (1 - lr weightDecay, if decoupled) - lr (m / bc1) / (sqrt(v / bc2) + eps)
// tensors p, m, v, g [n]; ints decoupled;
// floats lr, b1, b2, eps, weightDecay, bc1 = 1 - b1^t, bc2 = 1 - b2^t, gradScale; items = n
KERNEL(adam) {
  float *p = a->t[0], *m = a->t[1], *v = a->t[2];
  const float *g = a->t[3];
  const double *f = a->f;
  int decoupled = a->i[0] != 0;
  float b1 = (float)f[1], b2 = (float)f[2], keep1 = (float)(1 - f[1]), keep2 = (float)(1 - f[2]);
  float eps = (float)f[3], step = (float)(f[0] / f[5]), rootScale = (float)(1 / sqrt(f[6])), gradScale = (float)f[7];
  float shrink = decoupled ? (float)(1 - f[0] * f[4]) : 1, decay = decoupled ? 0 : (float)f[4];
  FOR_VECTORS(k, end - begin, {
    int64_t n = begin + k;
    vf parameter = load(p + n, W), grad = load(g + n, W) * gradScale;
    grad = grad + parameter * decay;
    vf first = load(m + n, W) * b1 + grad * keep1;
    vf second = load(v + n, W) * b2 + grad * grad * keep2;
    store(m + n, first, W);
    store(v + n, second, W);
    store(p + n, parameter * shrink - step * first / (vsqrt(second) * rootScale + eps), W);
  });
}
