// Walks through an output row by row while an input is read with strides of its own, 0 where it repeats.
#pragma once
#include "kernel.h"

enum { MAX_RANK = 6 };

typedef struct {
  int rank;
  int64_t dims[MAX_RANK], strides[MAX_RANK]; // of the output, and of the input along the output's axes
} view;

// From the ints rank (at most 6), dims of the output, strides of the input along them. Joins neighbouring axes that the
// input steps through as one, and drops axes of size 1.
static inline view read_view(const int64_t *ints) {
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

static inline cursor cursor_at(const view *v, int64_t row) {
  cursor at = {0};
  for (int axis = v->rank - 2; axis >= 0; axis--) {
    at.index[axis] = row % v->dims[axis];
    at.offset += at.index[axis] * v->strides[axis];
    row /= v->dims[axis];
  }
  return at;
}

// Moves on by rows that do not reach over the end of the innermost row axis.
static inline void advance(const view *v, cursor *at, int64_t rows) {
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
