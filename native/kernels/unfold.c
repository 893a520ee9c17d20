// The neighbours of every row side by side, and the sum that is its gradient: what makes a convolution a product.
#include "kernel.h"
#include "simd.h"

typedef struct {
  const int32_t *inStart, *outStart; // [sequences + 1]: where the rows of each begin on both sides
  int64_t sequences, C, taps, stride, dilation, before;
} unfold_job;

// ints sequences, C, taps, stride, dilation, before
static unfold_job job_of(const heed_args *a) {
  const int32_t *starts = a->t[2];
  return (unfold_job){starts, starts + a->i[0] + 1, a->i[0], a->i[1], a->i[2], a->i[3], a->i[4], a->i[5]};
}

// The sequence of a row; `starts` holds that of the first row of each.
static int64_t sequence_of(const int32_t *starts, int64_t sequences, int64_t row) {
  int64_t low = 0, high = sequences - 1;
  while (low < high) {
    int64_t middle = (low + high + 1) / 2;
    if (starts[middle] <= row) low = middle;
    else high = middle - 1;
  }
  return low;
}

// out[t, tap] = x[t stride + tap dilation - before], 0 outside the sequence
// tensors out[outRows, taps C], x[rows, C], starts[2, sequences + 1] (int32); ints as above; items = outRows
KERNEL(unfold) {
  unfold_job s = job_of(a);
  float *out = a->t[0];
  const float *x = a->t[1];
  for (int64_t row = begin; row < end; row++) {
    int64_t sequence = sequence_of(s.outStart, s.sequences, row);
    int64_t first = s.inStart[sequence], length = s.inStart[sequence + 1] - first;
    for (int64_t tap = 0; tap < s.taps; tap++) {
      int64_t place = (row - s.outStart[sequence]) * s.stride + tap * s.dilation - s.before;
      float *to = out + (row * s.taps + tap) * s.C;
      const float *from = x + (first + place) * s.C;
      if (place < 0 || place >= length) FOR_VECTORS(c, s.C, store(to + c, splat(0), W););
      else FOR_VECTORS(c, s.C, store(to + c, load(from + c, W), W););
    }
  }
}

// x[place] = the sum of windows[t, tap] over t stride + tap dilation - before = place
// tensors x[rows, C], windows[outRows, taps C], starts[2, sequences + 1] (int32); ints as above; items = rows
KERNEL(fold) {
  unfold_job s = job_of(a);
  float *x = a->t[0];
  const float *windows = a->t[1];
  for (int64_t row = begin; row < end; row++) {
    int64_t sequence = sequence_of(s.inStart, s.sequences, row);
    int64_t firstOut = s.outStart[sequence], length = s.outStart[sequence + 1] - firstOut;
    float *to = x + row * s.C;
    FOR_VECTORS(c, s.C, store(to + c, splat(0), W););
    for (int64_t tap = 0; tap < s.taps; tap++) {
      int64_t place = row - s.inStart[sequence] + s.before - tap * s.dilation;
      if (place < 0 || place % s.stride != 0 || place / s.stride >= length) continue;
      const float *from = windows + ((firstOut + place / s.stride) * s.taps + tap) * s.C;
      FOR_VECTORS(c, s.C, store(to + c, load(to + c, W) + load(from + c, W), W););
    }
  }
}
