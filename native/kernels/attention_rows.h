// What forward attention does with one row of scores, whether it comes with others or alone.
#pragma once
#include "attention.h"
#include "rows.h"

// Scales and masks one row of scores; returns its maximum.
static inline float finish_scores(float *x, int64_t n, float scale, const uint8_t *mask) {
  vf max = splat(-INFINITY);
  FOR_VECTORS(c, n, {
    vf v = load(x + c, W) * scale;
    if (mask) v = apply_mask(v, mask + c, W);
    store(x + c, v, W);
    max = vmax(max, keep_lanes(v, W, -INFINITY));
  });
  return lane_max(max);
}

// x = dropout(e^(x - shift)); returns the sum before dropout.
static inline float exponentiate(float *x, int64_t n, float shift, const dropout *drop, uint32_t index) {
  vf sum = splat(0);
  FOR_VECTORS(c, n, {
    vf e = vexp(load_or(x + c, W, -INFINITY) - shift);
    sum += e;
    if (drop) e = dropout_apply(drop, e, index + (uint32_t)c);
    store(x + c, e, W);
  });
  return lane_sum(sum);
}

// x = factor x, and 0 for a factor of 0 whatever x is.
static inline void scale_row(float *x, int64_t n, float factor) {
  if (factor == 0) FOR_VECTORS(c, n, store(x + c, splat(0), W););
  else FOR_VECTORS(c, n, store(x + c, load(x + c, W) * factor, W););
}
