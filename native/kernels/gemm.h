// C[M, N] = (accumulate ? C : 0) + A[M, K] B[K, N] + bias[N], in three ways that the file gemm.c chooses from.
#pragma once
#include "kernel.h"

typedef struct {
  int64_t M, N, K;
  const float *A; // A[i, k] at A[i * ai + k * ak]
  int64_t ai, ak;
  const float *B; // B[k, j] at B[k * bk + j * bj]
  int64_t bk, bj;
  float *C; // C[i, j] at C[i * ldc + j]
  int64_t ldc;
  const float *bias; // NULL, or added when not accumulating
  int accumulate;
} matmul;

// The register block: MR rows by NV vectors (NR columns) of C.
#if VL == 16
#define MR 12
#elif VL == 8
#define MR 6
#elif defined(__aarch64__)
#define MR 8
#else
#define MR 4
#endif
enum { NV = 2, NR = NV * VL };

// Without packing, on the calling thread; for small products. `direct` needs bj = 1, `dot` ak = bk = 1.
void HEED_NAME(matmul_direct)(const matmul *g);
void HEED_NAME(matmul_dot)(const matmul *g);
// Packs both operands; parallel; for large products.
void HEED_NAME(matmul_packed)(const matmul *g);

// dst[k * width + i] = src[i * si + k * sk] for i < count, 0 up to width; one of si, sk must be 1.
void HEED_NAME(pack_panel)(float *dst, int width, const float *src, int64_t si, int64_t sk, int count, int64_t K);

#define matmul_direct HEED_NAME(matmul_direct)
#define matmul_dot HEED_NAME(matmul_dot)
#define matmul_packed HEED_NAME(matmul_packed)
#define pack_panel HEED_NAME(pack_panel)
