// C[M, N] = (accumulate ? C : 0) + A[M, K] B[K, N] + bias[N], in three ways that the file gemm.c chooses from; the
// large products by one of several engines.
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
  int shortA, shortB; // the numbers in memory are bf16, of two bytes
  int streams; // the rows of B have no gaps, and what lies behind the last one is needed next
} matmul;

// Whether no cache holds the result: logits. It is best written once, past them, as packed products do.
static inline int exceeds_caches(const matmul *g) {
  enum { CACHED_NUMBERS = 3 << 20 };
  return g->M * g->N > CACHED_NUMBERS;
}

// The address of a number of an operand.
static inline const float *number_at(const float *operand, int isShort, int64_t place) {
  return isShort ? (const float *)((const uint16_t *)operand + place) : operand + place;
}

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

// For small products, on the calling thread. `direct` reads both operands where they are, or B from copies of its panels;
// `dot` needs ak = bk = 1.
void HEED_NAME(matmul_direct)(const matmul *g);
void HEED_NAME(matmul_dot)(const matmul *g);
// The better of direct and dot for few rows of A times rows of B (ak = bk = 1).
void HEED_NAME(matmul_rows)(const matmul *g);

// How a block of C is computed from packed operands: in fp32, or with bf16 products and fp32 sums.
enum { BLOCK_REPLACE, BLOCK_ADD, BLOCK_PAST_CACHE };
// X(rows) for every height that a block of fewer than MR rows can have.
#if MR == 12
#define FOR_FEWER_ROWS(X) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11)
#elif MR == 8
#define FOR_FEWER_ROWS(X) X(1) X(2) X(3) X(4) X(5) X(6) X(7)
#elif MR == 6
#define FOR_FEWER_ROWS(X) X(1) X(2) X(3) X(4) X(5)
#else
#define FOR_FEWER_ROWS(X) X(1) X(2) X(3)
#endif

typedef void pack_function(void *dst, const float *src, int64_t si, int64_t sk, int count, int64_t K);

typedef struct {
  int64_t rows, columns; // of a block
  int64_t depth;         // k comes in groups of so many, the last one filled up with 0
  int64_t bytes;         // of a packed number
  int64_t kc;            // most of k that is packed at a time
  pack_function *pack_a, *pack_b;
  // From numbers that are bf16 already, where they lie beside each other along the rows or columns of the block, or where
  // pairs along k do; NULL where the engine reads fp32 alone.
  pack_function *pack_short_a, *pack_short_b;
  // c[columns] of the first `here` rows = (BLOCK_ADD ? c : bias or 0) + a b; only whole blocks where anyRows is 0
  void (*block)(int64_t here, int64_t K, const void *a, const void *b, float *c, int64_t ldc, const float *bias, int mode);
  int anyRows;
  void (*start)(void), (*stop)(void); // around the work of a task; NULL where nothing is to do
} gemm_engine;

// Copies operands of bf16 to fp32, for ways of computing that read nothing else; 0 where there is no memory.
int HEED_NAME(matmul_widen)(matmul *g);
// Packs both operands; parallel; for large products.
void HEED_NAME(matmul_packed)(const matmul *g, const gemm_engine *engine);
extern const gemm_engine HEED_NAME(engine_fp32);
// The fastest engine with bf16 products of this machine; that of fp32 where it has none.
const gemm_engine *HEED_NAME(engine_bf16)(void);
// NULL where the compiler knows no AMX.
const gemm_engine *HEED_NAME(engine_amx)(void);

// dst[k * width + i] = src[i * si + k * sk] for i < count, 0 up to width; one of si, sk must be 1.
void HEED_NAME(pack_panel)(float *dst, int width, const float *src, int64_t si, int64_t sk, int count, int64_t K);

#define matmul_direct HEED_NAME(matmul_direct)
#define matmul_dot HEED_NAME(matmul_dot)
#define matmul_rows HEED_NAME(matmul_rows)
#define matmul_widen HEED_NAME(matmul_widen)
#define matmul_packed HEED_NAME(matmul_packed)
#define pack_panel HEED_NAME(pack_panel)
#define engine_fp32 HEED_NAME(engine_fp32)
#define engine_bf16 HEED_NAME(engine_bf16)
#define engine_amx HEED_NAME(engine_amx)
