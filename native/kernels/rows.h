// Sums and maxima over one row, in a fixed order and with enough accumulators to hide the latency of an addition.
#pragma once
#include "simd.h"

ALWAYS_INLINE float row_max(const float *x, int64_t n) {
  vf m0 = splat(-INFINITY), m1 = m0, m2 = m0, m3 = m0;
  int64_t c = 0;
  for (; c + 4 * VL <= n; c += 4 * VL) {
    m0 = vmax(m0, load(x + c, VL));
    m1 = vmax(m1, load(x + c + VL, VL));
    m2 = vmax(m2, load(x + c + 2 * VL, VL));
    m3 = vmax(m3, load(x + c + 3 * VL, VL));
  }
  FOR_VECTORS(k, n - c, m0 = vmax(m0, load_or(x + c + k, W, -INFINITY)););
  return lane_max(vmax(vmax(m0, m1), vmax(m2, m3)));
}

ALWAYS_INLINE float row_sum(const float *x, int64_t n) {
  vf s0 = splat(0), s1 = s0, s2 = s0, s3 = s0;
  int64_t c = 0;
  for (; c + 4 * VL <= n; c += 4 * VL) {
    s0 += load(x + c, VL);
    s1 += load(x + c + VL, VL);
    s2 += load(x + c + 2 * VL, VL);
    s3 += load(x + c + 3 * VL, VL);
  }
  FOR_VECTORS(k, n - c, s0 += load(x + c + k, W););
  return lane_sum((s0 + s1) + (s2 + s3));
}

ALWAYS_INLINE float row_sum_squares(const float *x, int64_t n) {
  vf s0 = splat(0), s1 = s0, s2 = s0, s3 = s0;
  int64_t c = 0;
  for (; c + 4 * VL <= n; c += 4 * VL) {
    vf x0 = load(x + c, VL), x1 = load(x + c + VL, VL), x2 = load(x + c + 2 * VL, VL), x3 = load(x + c + 3 * VL, VL);
    s0 += x0 * x0;
    s1 += x1 * x1;
    s2 += x2 * x2;
    s3 += x3 * x3;
  }
  FOR_VECTORS(k, n - c, {
    vf v = load(x + c + k, W);
    s0 += v * v;
  });
  return lane_sum((s0 + s1) + (s2 + s3));
}
