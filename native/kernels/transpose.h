// Transposes.
#pragma once
#include "kernel.h"

// dst[c * dstRow + r] = src[r * srcRow + c] for r < rows, c < columns
void HEED_NAME(transpose)(float *dst, int64_t dstRow, const float *src, int64_t srcRow, int64_t rows, int64_t columns);
#define transpose HEED_NAME(transpose)
