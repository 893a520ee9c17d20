// Any permutation of axes (or other strided view) into contiguous order. items = output elements.
#include "kernel.h"
#include "simd.h"
#include "transpose.h"

enum { MAX_RANK = 6, TILE = 16 };

typedef struct {
  int rank;
  int64_t dims[MAX_RANK], strides[MAX_RANK]; // of the output, and of the input along the output's axes
} view;

// Joins neighbouring axes that the input steps through as one, and drops axes of size 1.
static view read_view(const int64_t *ints) {
  int rank = (int)ints[0];
  view v = {0};
  for (int axis = 0; axis < rank; axis++) {
    int64_t dim = ints[1 + axis], stride = ints[1 + rank + axis];
    if (dim == 1) continue;
    int last = v.rank - 1;
    if (last >= 0 && v.strides[last] == stride * dim) {
      v.dims[last] *= dim;
      v.strides[last] = stride;
    } else {
      v.dims[v.rank] = dim;
      v.strides[v.rank++] = stride;
    }
  }
  if (v.rank == 0) {
    v.dims[0] = v.strides[0] = 1;
    v.rank = 1;
  }
  return v;
}

// Where a row of the output (an index over all axes but the last) begins in the input.
typedef struct {
  int64_t index[MAX_RANK], offset;
} cursor;

static cursor cursor_at(const view *v, int64_t row) {
  cursor at = {0};
  for (int axis = v->rank - 2; axis >= 0; axis--) {
    at.index[axis] = row % v->dims[axis];
    at.offset += at.index[axis] * v->strides[axis];
    row /= v->dims[axis];
  }
  return at;
}

// Moves on by rows that do not reach over the end of the innermost row axis.
static void advance(const view *v, cursor *at, int64_t rows) {
  int axis = v->rank - 2;
  if (axis < 0) return;
  at->index[axis] += rows;
  at->offset += rows * v->strides[axis];
  for (; axis > 0 && at->index[axis] == v->dims[axis]; axis--) {
    at->offset += v->strides[axis - 1] - at->index[axis] * v->strides[axis];
    at->index[axis] = 0;
    at->index[axis - 1]++;
  }
}

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
