// Copies operands that are stored as bf16 to fp32.
#include "gemm.h"

typedef struct {
  float *to;
  const uint16_t *from;
  int64_t columns, stride;
} widen_job;

static void widen_row(void *context, int64_t row) {
  const widen_job *s = context;
  const uint16_t *from = s->from + row * s->stride;
  float *to = s->to + row * s->columns;
  for (int64_t c = 0; c < s->columns; c++) {
    uint32_t bits = (uint32_t)from[c] << 16;
    __builtin_memcpy(to + c, &bits, sizeof bits);
  }
}

// An operand [outer, inner] whose strides are *so and *si, one of them 1; gives the copy, with its strides.
static const float *widen(float *to, const float *from, int64_t outer, int64_t inner, int64_t *so, int64_t *si) {
  int byOuter = *si == 1;
  widen_job s = {to, (const uint16_t *)from, byOuter ? inner : outer, byOuter ? *so : *si};
  heed_parallel_for(byOuter ? outer : inner, widen_row, &s);
  *(byOuter ? so : si) = s.columns;
  return to;
}

int matmul_widen(matmul *g) {
  int64_t a = g->shortA ? g->M * g->K : 0, b = g->shortB ? g->K * g->N : 0;
  float *memory = heed_scratch(HEED_SCRATCH_C, (size_t)(a + b + 1) * sizeof(float));
  if (!memory) return 0;
  if (g->shortA) g->A = widen(memory, g->A, g->M, g->K, &g->ai, &g->ak);
  if (g->shortB) g->B = widen(memory + a, g->B, g->K, g->N, &g->bk, &g->bj);
  g->shortA = g->shortB = 0;
  return 1;
}
