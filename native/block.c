// The argument block that JavaScript fills for a launch: items, workPerItem, number of tensors, of ints and of floats,
// then the tensors' addresses (0 = absent), the ints and the floats.
#include "heed.h"

enum { HEADER = 5, MAX_ARGS = HEED_BLOCK_DOUBLES - HEADER };

double heed_launch_block(heed_kernel run, const double *block) {
  int tensors = (int)block[2], ints = (int)block[3], floats = (int)block[4];
  if (tensors < 0 || ints < 0 || floats < 0 || tensors + ints + floats > MAX_ARGS) return -1;
  void *t[MAX_ARGS];
  int64_t i[MAX_ARGS];
  for (int k = 0; k < tensors; k++) t[k] = (void *)(uintptr_t)block[HEADER + k];
  for (int k = 0; k < ints; k++) i[k] = (int64_t)block[HEADER + tensors + k];
  heed_args a = {t, i, block + HEADER + tensors + ints};
  return (double)heed_launch(run, &a, (int64_t)block[0], block[1]);
}
