// Dropout from a counter: element n of a tensor is kept or dropped by a hash of (n, k0, k1) alone, so forward,
// backward and every thread agree without a stored mask.
#pragma once
#include "simd.h"

typedef struct {
  uint32_t k0, k1, threshold;
  float scale; // of kept values, 1 / (1 - p)
} dropout;

static inline dropout dropout_of(double p, int64_t k0, int64_t k1) {
  return (dropout){(uint32_t)k0, (uint32_t)k1, (uint32_t)(p * 16777216.0 + 0.5), (float)(1.0 / (1.0 - p))};
}

// v * scale where the elements n, n + 1, ... are kept, 0 where they are dropped.
ALWAYS_INLINE vf dropout_apply(const dropout *d, vf v, uint32_t n) {
  vu h = (n + (vu)lanes()) * 0x9E3779B9u + d->k0;
  h ^= h >> 16;
  h *= 0x7feb352du;
  h ^= h >> 15;
  h ^= d->k1;
  h *= 0x846ca68bu;
  h ^= h >> 16;
  // A select, not a product: a dropped infinity is 0.
  return choose(less_int((vi)(h >> 8), (vi)splat_u(d->threshold)), splat(0), v * d->scale);
}

// y = residual + dropout(x + bias) for a row whose first element is the n-th; bias, residual and drop may be NULL.
ALWAYS_INLINE void add_dropped_row(float *y, const float *x, const float *bias, const float *residual, int64_t C,
                                   const dropout *drop, uint32_t n) {
  FOR_VECTORS(c, C, {
    vf v = load(x + c, W);
    if (bias) v = v + load(bias + c, W);
    if (drop) v = dropout_apply(drop, v, n + (uint32_t)c);
    if (residual) v = load(residual + c, W) + v;
    store(y + c, v, W);
  });
}
