// Any permutation of axes (or other strided view) into contiguous order. items = output elements.
#include "kernel.h"
#include "simd.h"
#include "strided.h"
#include "transpose.h"

enum { TILE = 16 };

static void copy_run(float *y, const float *x, int64_t stride, int64_t n) {
  if (stride == 1) {
    FOR_VECTORS(k, n, store(y + k, load(x + k, W), W););
  } else {
    for (int64_t k = 0; k < n; k++) y[k] = x[k * stride];
  }
}

// y[rows, columns] = transpose of x, whose columns are adjacent along our rows, in narrow tiles that stay in cache.
static void transpose_rows(float *y, const float *x, int64_t rows, int64_t columns, int64_t stride) {
  for (int64_t first = 0; first < columns; first += TILE) {
    transpose(y + first, columns, x + first * stride, stride, min64(TILE, columns - first), rows);
  }
}

// y[o0, o1, ...] = x[sum of o_k stride_k]
// tensors y, x; ints rank (at most 6), out dims, input strides along the out dims
KERNEL(permute) {
  view v = read_view(a->i);
  float *y = a->t[0];
  const float *x = a->t[1];
  int64_t columns = v.dims[v.rank - 1], stride = v.strides[v.rank - 1];
  int adjacentRows = v.rank >= 2 && v.strides[v.rank - 2] == 1 && stride != 1;
  cursor at = cursor_at(&v, begin / columns);
  for (int64_t n = begin; n < end;) {
    int64_t column = n % columns, wholeRows = 0;
    if (adjacentRows && column == 0) {
      int64_t left = v.dims[v.rank - 2] - at.index[v.rank - 2];
      wholeRows = min64((end - n) / columns, min64(TILE, left));
    }
    int64_t length = wholeRows > 1 ? wholeRows * columns : min64(columns - column, end - n);
    if (wholeRows > 1) transpose_rows(y + n, x + at.offset, wholeRows, columns, stride);
    else copy_run(y + n, x + at.offset + column * stride, stride, length);
    advance(&v, &at, wholeRows > 1 ? wholeRows : 1);
    n += length;
  }
}
