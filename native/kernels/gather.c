// Elements of rows by their places, and the sums that are its gradient.
#include "kernel.h"
#include "simd.h"

// y[r, i] = x[r, places[r, i]]
// tensors y[rows, k], x[rows, C], places[rows, k] (int32); ints k, C; items = rows
KERNEL(gather_last) {
  int64_t k = a->i[0], C = a->i[1];
  for (int64_t row = begin; row < end; row++) {
    float *y = (float *)a->t[0] + row * k;
    const float *x = (const float *)a->t[1] + row * C;
    const int32_t *places = (const int32_t *)a->t[2] + row * k;
    for (int64_t i = 0; i < k; i++) y[i] = x[places[i]];
  }
}

// y[r, c] = sum of x[r, i] where places[r, i] = c
// tensors y[rows, C], x[rows, k], places[rows, k] (int32); ints k, C; items = rows
KERNEL(scatter_last) {
  int64_t k = a->i[0], C = a->i[1];
  for (int64_t row = begin; row < end; row++) {
    float *y = (float *)a->t[0] + row * C;
    const float *x = (const float *)a->t[1] + row * k;
    const int32_t *places = (const int32_t *)a->t[2] + row * k;
    FOR_VECTORS(c, C, store(y + c, splat(0), W););
    for (int64_t i = 0; i < k; i++) y[places[i]] += x[i];
  }
}
