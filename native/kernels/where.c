// Numbers where a mask is true, another number elsewhere. items = elements.
#include "simd.h"
#include "strided.h"

// The last vector overlaps the one before it: rows of scores are short, and seldom whole vectors.
static void keep_run(float *y, const float *x, const uint8_t *mask, float value, int64_t n) {
  for (int64_t k = 0; n < VL && k < n; k++) y[k] = mask[k] ? x[k] : value;
  for (int64_t k = 0; n >= VL && k < n; k += VL) {
    int64_t at = min64(k, n - VL);
    store(y + at, choose(load_mask(mask + at, VL), load(x + at, VL), splat(value)), VL);
  }
}

static void keep_all_or_none(float *y, const float *x, int keep, float value, int64_t n) {
  if (keep) FOR_VECTORS(k, n, store(y + k, load(x + k, W), W););
  else FOR_VECTORS(k, n, store(y + k, splat(value), W););
}

// y = x where the mask is true, elsewhere value
// tensors y[n], x[n], mask (uint8); ints rank (at most 6), dims of x, strides of the mask along them, 0 where it repeats,
// the last one 0 or 1; floats value
KERNEL(keep_where) {
  view v = read_view(a->i);
  float *y = a->t[0], value = (float)a->f[0];
  const float *x = a->t[1];
  const uint8_t *mask = a->t[2];
  int64_t columns = v.dims[v.rank - 1], stride = v.strides[v.rank - 1];
  cursor at = cursor_at(&v, begin / columns);
  for (int64_t n = begin, column = begin % columns; n < end; column = 0, advance(&v, &at, 1)) {
    int64_t length = min64(columns - column, end - n);
    const uint8_t *own = mask + at.offset + column * stride;
    if (stride == 1) keep_run(y + n, x + n, own, value, length);
    else keep_all_or_none(y + n, x + n, *own, value, length);
    n += length;
  }
}
