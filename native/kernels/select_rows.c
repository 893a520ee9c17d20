// The largest entries of rows of C. items = rows.
#include "kernel.h"
#include <string.h>

// One number that orders entries: by value, then by lower index. NaN counts as largest; -0 equals 0.
static int64_t sort_key(float value, int64_t index) {
  int32_t bits;
  value = value + 0.0f;
  memcpy(&bits, &value, sizeof bits);
  if (value != value) bits = INT32_MAX;
  else if (bits < 0) bits ^= INT32_MAX;
  return ((int64_t)bits << 32) | (uint32_t)~(uint32_t)index;
}

static int64_t key_index(int64_t key) { return (uint32_t)~(uint32_t)key; }

// heap[0] is the smallest; moves it down to its place.
static void sift_down(int64_t *heap, int64_t size) {
  int64_t at = 0, key = heap[0];
  for (;;) {
    int64_t child = 2 * at + 1;
    if (child >= size) break;
    if (child + 1 < size && heap[child + 1] < heap[child]) child++;
    if (key <= heap[child]) break;
    heap[at] = heap[child];
    at = child;
  }
  heap[at] = key;
}

static void insert_key(int64_t *heap, int64_t at, int64_t key) {
  while (at > 0 && heap[(at - 1) / 2] > key) {
    heap[at] = heap[(at - 1) / 2];
    at = (at - 1) / 2;
  }
  heap[at] = key;
}

static void top_k_row(float *values, int32_t *indices, const float *x, int64_t C, int64_t k, int64_t *heap) {
  for (int64_t c = 0; c < k; c++) insert_key(heap, c, sort_key(x[c], c));
  for (int64_t c = k; c < C; c++) {
    int64_t key = sort_key(x[c], c);
    if (key > heap[0]) {
      heap[0] = key;
      sift_down(heap, k);
    }
  }
  for (int64_t size = k; size > 0; size--) {
    int64_t index = key_index(heap[0]);
    values[size - 1] = x[index];
    indices[size - 1] = (int32_t)index;
    heap[0] = heap[size - 1];
    if (size > 1) sift_down(heap, size - 1);
  }
}

// The k largest of each row in descending order; of equal values the lower index first
// tensors values[rows, k], indices[rows, k] (int32), x[rows, C]; ints C, k
KERNEL(top_k) {
  int64_t C = a->i[0], k = a->i[1];
  if (k == 0) return;
  int64_t *heap = heed_scratch(HEED_SCRATCH_A, (size_t)k * sizeof *heap);
  if (!heap) return;
  for (int64_t row = begin; row < end; row++) {
    top_k_row((float *)a->t[0] + row * k, (int32_t *)a->t[1] + row * k, (const float *)a->t[2] + row * C, C, k, heap);
  }
}

// Index of the first maximum of each row
// tensors indices[rows] (int32), x[rows, C]; ints C
KERNEL(argmax) {
  int64_t C = a->i[0];
  for (int64_t row = begin; row < end; row++) {
    const float *x = (const float *)a->t[1] + row * C;
    int64_t best = INT64_MIN;
    for (int64_t c = 0; c < C; c++) {
      int64_t key = sort_key(x[c], c);
      best = key > best ? key : best;
    }
    ((int32_t *)a->t[0])[row] = (int32_t)key_index(best);
  }
}
