// Any permutation of axes (or other strided view) into contiguous order. items = output elements.
#include "kernel.h"
#include <string.h>

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

// Input offset of a row, that is of an index over all axes but the last.
static int64_t row_offset(const view *v, int64_t row) {
  int64_t offset = 0;
  for (int axis = v->rank - 2; axis >= 0; axis--) {
    offset += row % v->dims[axis] * v->strides[axis];
    row /= v->dims[axis];
  }
  return offset;
}

static void copy_run(float *y, const float *x, int64_t stride, int64_t n) {
  if (stride == 1) memcpy(y, x, (size_t)n * sizeof(float));
  else for (int64_t k = 0; k < n; k++) y[k] = x[k * stride];
}

// y[rows, columns] = transpose of x, whose columns are adjacent along our rows, in square tiles that stay in cache.
static void transpose_rows(float *y, const float *x, int64_t rows, int64_t columns, int64_t stride) {
  for (int64_t first = 0; first < columns; first += TILE) {
    int64_t width = min64(TILE, columns - first);
    const float *from = x + first * stride;
    float *to = y + first;
    if (rows == TILE && width == TILE) {
      for (int c = 0; c < TILE; c++) {
        for (int r = 0; r < TILE; r++) to[r * columns + c] = from[c * stride + r];
      }
    } else {
      for (int64_t r = 0; r < rows; r++) copy_run(to + r * columns, from + r, stride, width);
    }
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
  int64_t rowAxis = adjacentRows ? v.dims[v.rank - 2] : 1;
  for (int64_t n = begin; n < end;) {
    int64_t row = n / columns, column = n % columns;
    const float *from = x + row_offset(&v, row);
    int64_t wholeRows = column == 0 ? min64((end - n) / columns, min64(TILE, rowAxis - row % rowAxis)) : 0;
    if (adjacentRows && wholeRows > 1) {
      transpose_rows(y + n, from, wholeRows, columns, stride);
      n += wholeRows * columns;
    } else {
      int64_t length = min64(columns - column, end - n);
      copy_run(y + n, from + column * stride, stride, length);
      n += length;
    }
  }
}
