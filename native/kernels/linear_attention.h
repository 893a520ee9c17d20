// Linear attention (Katharopoulos et al., Transformers are RNNs, 2020), what its kernels share. With the feature map
// phi(x) = elu(x) + 1, out_t = phi(q_t) S / phi(q_t) z for S = sum phi(k_s) v_s^T and z = sum phi(k_s) over the keys that
// query t sees. Values get a last column of ones, v' = [v, 1], so that one product gives both: [n, d] = phi(q) S'.
#pragma once
#include "attention.h"
#include "rows.h"

enum { CHUNK = 64 }; // tokens that are computed side by side; S' holds all before them

// phi of rows of q or k; 0 for keys that the mask hides.
static inline void feature_rows(float *to, const float *x, int64_t row, int64_t rows, int64_t D, const uint8_t *mask) {
  for (int64_t r = 0; r < rows; r++) {
    if (mask && !mask[r]) FOR_VECTORS(c, D, store(to + r * D + c, splat(0), W););
    else FOR_VECTORS(c, D, {
      vf v = load(x + r * row + c, W);
      store(to + r * D + c, vexp(vmin(v, splat(0))) + vmax(v, splat(0)), W);
    });
  }
}

// v' = [v, 1], rows of `width` floats.
static inline void value_rows(float *to, int64_t width, const float *v, int64_t row, int64_t rows, int64_t Dv) {
  for (int64_t r = 0; r < rows; r++) {
    FOR_VECTORS(c, Dv, store(to + r * width + c, load(v + r * row + c, W), W););
    to[r * width + Dv] = 1;
  }
}

// Distance between rows of v' and of S'.
static inline int64_t value_width(const attention_shape *p) { return ceil_div(p->Dv + 1, VL) * VL; }

// What lies above the diagonal of a chunk's [rows, rows], CHUNK apart, is hidden.
static inline void clear_future(float *x, int64_t rows) {
  for (int64_t r = 0; r < rows; r++) {
    for (int64_t c = r + 1; c < rows; c++) x[r * CHUNK + c] = 0;
  }
}

static inline void clear(float *x, int64_t n) { FOR_VECTORS(c, n, store(x + c, splat(0), W);); }
