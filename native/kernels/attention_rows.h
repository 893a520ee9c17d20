// What attention does with one row of scores, whether it comes with others or alone.
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

// Takes a block's sum of e^(score - max) into a running softmax whose maximum was `before`; returns the factor that brings
// what was summed before to the new maximum.
static inline float join_block(float *sum, float blockSum, float before, float max) {
  float shrink = max > before ? before == -INFINITY ? 0 : expf(before - max) : 1;
  *sum = *sum * shrink + blockSum;
  return shrink;
}

// Raw scores become weights w = e^(scale score - lse) after dropout, and the gradients dw of these become those of the raw
// scores, w (dw - delta) scale; where scores are capped they come with the slope of the cap.
static inline void score_gradients(const attention_shape *p, float *weights, float *grads, int64_t n, float scale,
                                   float lse, float delta, const uint8_t *mask, uint32_t index) {
  float inverseCap = p->more.cap > 0 ? 1 / p->more.cap : 0;
  FOR_VECTORS(c, n, {
    vf score = load(weights + c, W) * scale, bent = score * inverseCap;
    if (mask) score = apply_mask(score, mask + c, W);
    vf w = vexp(score - lse), grad = load(grads + c, W), kept = w;
    if (p->dropping) {
      grad = dropout_apply(&p->drop, grad, index + (uint32_t)c);
      kept = dropout_apply(&p->drop, w, index + (uint32_t)c);
    }
    store(weights + c, kept, W);
    store(grads + c, w * (grad - delta) * scale * (1.0f - bent * bent), W);
  });
}

static inline float dot_row(const float *x, const float *y, int64_t n) {
  vf sum = splat(0);
  FOR_VECTORS(c, n, sum += load(x + c, W) * load(y + c, W););
  return lane_sum(sum);
}

static inline void clear_rows(float *x, int64_t rows, int64_t row, int64_t n) {
  for (int64_t r = 0; r < rows; r++) FOR_VECTORS(c, n, store(x + r * row + c, splat(0), W););
}
