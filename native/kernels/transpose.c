// Transposes in registers: four columns of as many rows as a vector has lanes.
#include "transpose.h"
#include "simd.h"

enum { BLOCK_COLUMNS = 4 * LINE };

// 4 * quads rows become adjacent columns; quads is a constant. What GCC makes of it is twice as fast as a function of its
// own than within the loops that call it.
ALWAYS_INLINE void transpose_quads(int quads, float *to, int64_t dstRow, const float *from, int64_t srcRow, int64_t columns) {
  int width = 4 * quads;
  for (; columns >= 4; columns -= 4) {
    vf p = load_quads(from, 4 * srcRow, quads), q = load_quads(from + srcRow, 4 * srcRow, quads);
    vf r = load_quads(from + 2 * srcRow, 4 * srcRow, quads), s = load_quads(from + 3 * srcRow, 4 * srcRow, quads);
    vf pq0 = interleave_low(p, q), pq1 = interleave_high(p, q), rs0 = interleave_low(r, s), rs1 = interleave_high(r, s);
    store(to, low_pairs(pq0, rs0), width);
    store(to + dstRow, high_pairs(pq0, rs0), width);
    store(to + 2 * dstRow, low_pairs(pq1, rs1), width);
    store(to + 3 * dstRow, high_pairs(pq1, rs1), width);
    from += 4;
    to += 4 * dstRow;
  }
  for (; columns > 0; columns--, from++, to += dstRow) {
    for (int r = 0; r < width; r++) to[r] = from[r * srcRow];
  }
}

typedef void quads_function(float *to, int64_t dstRow, const float *from, int64_t srcRow, int64_t columns);
#define QUADS(n)                                                                                                \
  static void transpose_##n(float *to, int64_t dstRow, const float *from, int64_t srcRow, int64_t columns) {   \
    transpose_quads(n, to, dstRow, from, srcRow, columns);                                                      \
  }
#if VL == 16
QUADS(1) QUADS(2) QUADS(3) QUADS(4)
static quads_function *const quadsFunctions[] = {transpose_1, transpose_2, transpose_3, transpose_4};
#elif VL == 8
QUADS(1) QUADS(2)
static quads_function *const quadsFunctions[] = {transpose_1, transpose_2};
#else
QUADS(1)
static quads_function *const quadsFunctions[] = {transpose_1};
#endif

static void transpose_rows(float *dst, int64_t dstRow, const float *src, int64_t srcRow, int64_t rows, int64_t columns) {
  if (rows >= 4) quadsFunctions[rows / 4 - 1](dst, dstRow, src, srcRow, columns);
  for (int64_t r = rows / 4 * 4; r < rows; r++) {
    for (int64_t c = 0; c < columns; c++) dst[c * dstRow + r] = src[r * srcRow + c];
  }
}

// So few columns at a time that what they become stays in the first cache for the next rows.
void transpose(float *dst, int64_t dstRow, const float *src, int64_t srcRow, int64_t rows, int64_t columns) {
  for (int64_t c = 0; c < columns; c += BLOCK_COLUMNS) {
    int64_t here = min64(BLOCK_COLUMNS, columns - c);
    for (int64_t r = rows; r < 2 * rows; r++) fetch_lines(src + r * srcRow + c, here); // most often they are next
    for (int64_t r = 0; r < rows; r += VL) {
      transpose_rows(dst + c * dstRow + r, dstRow, src + r * srcRow + c, srcRow, min64(VL, rows - r), here);
    }
  }
}
