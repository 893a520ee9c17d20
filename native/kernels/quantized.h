// Products with quantised weights: activations become codes too, groups of 32 at a time.
//
// Weights lie in panels of 16 rows: for each group of 32 columns, the codes of four columns of all 16 rows stand
// together. So one vector of weights meets one broadcast word of activations, and no lane is ever added to another.
//   int8 [panels, groups, 8, 16, 4]: signed codes, one scale for each row
//   int4 [panels, groups, 4, 16, 4]: of column c of the group, c < 16, in the low half of a byte, of c + 16 in the high
//   half, plus 8 each; one scale for each row and group, [panels, groups, 16]
#pragma once
#include "kernel.h"

enum { CODE_PANEL = 16, GROUP = 32 };

// Rows of activations. The caller gives x, M, K and bits.
typedef struct {
  const float *x; // [M, K]
  int64_t M, K;
  int bits; // of the weights: 8 or 4
  int64_t groups, rowsPerTask;
  int offset;      // what the dot product's unsigned codes have too much
  int8_t *codes;   // [M, groups, 32]
  float *scales;   // [M, groups]
  int32_t *starts; // [M, groups]: -offset times the sum of the group's codes
} quantized_input;

// [M, N] = (add ? y : bias or 0) + x W^T, rows `stride` apart
typedef struct {
  const int8_t *codes;
  const float *scales, *bias;
  int64_t N, stride;
  int add;
} quantized_product;

// Makes codes of all rows of x, in scratch memory of that slot; parallel. 0 where there is no memory.
int HEED_NAME(quantize_input)(quantized_input *in, int slot);
// The columns of the panels [begin, end), on the calling thread; y is where the first of them goes.
void HEED_NAME(multiply_codes)(const quantized_input *in, const quantized_product *p, int64_t begin, int64_t end,
                               float *y);

#define quantize_input HEED_NAME(quantize_input)
#define multiply_codes HEED_NAME(multiply_codes)
