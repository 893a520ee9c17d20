// Pieces of rows side by side: part of an axis, zeros around it, tensors one after the other. items = elements of y.
#include "kernel.h"
#include <string.h>

// One number is what a gate or a single channel is; calling a function for it would cost more than copying it.
static void copy_block(char *y, const char *x, int64_t bytes) {
  if (!x) memset(y, 0, (size_t)bytes);
  else if (bytes == 4) memcpy(y, x, 4);
  else memcpy(y, x, (size_t)bytes);
}

// y[row] = the pieces of that row one after the other: `length` elements of the source from row stride + at on, or zeros
// tensors y, source of each piece or NULL; ints bytes of an element, pieces, then length, stride and at of each
KERNEL(copy_blocks) {
  const int64_t bytes = a->i[0], pieces = a->i[1], *piece = a->i + 2;
  char *y = a->t[0];
  int64_t columns = 0;
  for (int64_t k = 0; k < pieces; k++) columns += piece[3 * k];
  int64_t row = begin / columns, skip = begin % columns;
  for (int64_t n = begin; n < end; row++) {
    for (int64_t k = 0; k < pieces && n < end; k++) {
      int64_t length = piece[3 * k], take = min64(length - skip, end - n);
      if (take > 0) {
        const char *x = a->t[1 + k];
        int64_t from = row * piece[3 * k + 1] + piece[3 * k + 2] + skip;
        copy_block(y + n * bytes, x ? x + from * bytes : NULL, take * bytes);
        n += take;
      }
      skip = max64(0, skip - length);
    }
  }
}
