// The engine with bf16 products and fp32 sums on the vector unit (AVX-512 BF16): pairs along k are multiplied and added
// in one instruction. Packed panels hold the numbers of two neighbouring k side by side.
#include "gemm.h"
#include "simd.h"
#include "transpose.h"

#if VL == 16 && defined(__AVX512F__)
#define WITH_BF16 __attribute__((target("avx512bf16,avx512bw,avx512vl,avx512dq")))

typedef union {
  __m512i bits;
  __m512bh pairs;
} bf16_vector;

WITH_BF16 static inline __attribute__((always_inline)) void compute(int rows, int64_t K, const uint32_t *a,
                                                                    const uint32_t *b, float *c, int64_t ldc,
                                                                    const float *bias, int mode) {
  __m512 acc[MR][NV];
  UNROLL for (int r = 0; r < rows; r++) {
    UNROLL for (int v = 0; v < NV; v++) acc[r][v] = _mm512_setzero_ps();
  }
  for (int64_t k = 0; k < K; k += 2) {
    bf16_vector row[NV];
    UNROLL for (int v = 0; v < NV; v++) row[v].bits = _mm512_loadu_si512(b + v * VL);
    UNROLL for (int r = 0; r < rows; r++) {
      bf16_vector x = {.bits = _mm512_set1_epi32((int)a[r])};
      UNROLL for (int v = 0; v < NV; v++) acc[r][v] = _mm512_dpbf16_ps(acc[r][v], x.pairs, row[v].pairs);
    }
    a += MR;
    b += NR;
  }
  UNROLL for (int v = 0; v < NV; v++) {
    __m512 base = bias ? _mm512_loadu_ps(bias + v * VL) : _mm512_setzero_ps();
    UNROLL for (int r = 0; r < rows; r++) {
      float *p = c + r * ldc + v * VL;
      if (mode == BLOCK_PAST_CACHE) _mm512_stream_ps(p, _mm512_add_ps(acc[r][v], base));
      else _mm512_storeu_ps(p, _mm512_add_ps(acc[r][v], mode == BLOCK_ADD ? _mm512_loadu_ps(p) : base));
    }
  }
}

WITH_BF16 static void block(int64_t here, int64_t K, const void *a, const void *b, float *c, int64_t ldc,
                            const float *bias, int mode) {
#define CASE(rows) \
  case rows: compute(rows, K, a, b, c, ldc, bias, mode); break;
  switch (here) {
    FOR_FEWER_ROWS(CASE)
    default: compute(MR, K, a, b, c, ldc, bias, mode);
  }
#undef CASE
}

// A mask of the first n lanes.
static inline __mmask16 first_lanes(int64_t n) { return (__mmask16)((1u << max64(0, min64(VL, n))) - 1); }

// Where the numbers of two rows go that become pairs.
static const uint16_t pairPlaces[32] = {0, 16, 1, 17, 2,  18, 3,  19, 4,  20, 5,  21, 6,  22, 7,  23,
                                        8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31};

// dst[(k / 2) * width + i] = the pair (src[i, k], src[i, k + 1]) for neighbouring i.
WITH_BF16 static void pack_neighbours(uint32_t *dst, int width, const float *src, int64_t sk, int count, int64_t K) {
  __m512i interleave = _mm512_loadu_si512(pairPlaces);
  for (int64_t k = 0; k < K; k += 2, dst += width) {
    for (int i = 0; i < width; i += VL) {
      __mmask16 there = first_lanes(count - i);
      __m512 first = _mm512_maskz_loadu_ps(there, src + k * sk + i);
      __m512 second = k + 1 < K ? _mm512_maskz_loadu_ps(there, src + (k + 1) * sk + i) : _mm512_setzero_ps();
      bf16_vector both = {.pairs = _mm512_cvtne2ps_pbh(second, first)};
      _mm512_mask_storeu_epi32(dst + i, first_lanes(width - i), _mm512_permutexvar_epi16(interleave, both.bits));
    }
  }
}

enum { ROW_PAIRS = 256 };

// The same for rows that are contiguous along k: rounded row by row, then transposed.
WITH_BF16 static void pack_rows(uint32_t *dst, int width, const float *src, int64_t si, int count, int64_t K) {
  uint32_t rows[NR * ROW_PAIRS] __attribute__((aligned(64)));
  for (int64_t k = 0; k < K; k += 2 * ROW_PAIRS) {
    int64_t here = min64(2 * ROW_PAIRS, K - k), pairs = (here + 1) / 2;
    for (int i = 0; i < count; i++) {
      const float *row = src + i * si + k;
      for (int64_t x = 0; x < here; x += 2 * VL) {
        bf16_vector both = {.pairs = _mm512_cvtne2ps_pbh(_mm512_maskz_loadu_ps(first_lanes(here - x - VL), row + x + VL),
                                                         _mm512_maskz_loadu_ps(first_lanes(here - x), row + x))};
        _mm512_store_si512(rows + i * ROW_PAIRS + x / 2, both.bits);
      }
    }
    for (int i = count; i < width; i++) __builtin_memset(rows + i * ROW_PAIRS, 0, (size_t)pairs * sizeof(uint32_t));
    transpose((float *)dst + k / 2 * width, width, (const float *)rows, ROW_PAIRS, width, pairs);
  }
}

static void pack(uint32_t *dst, int width, const float *src, int64_t si, int64_t sk, int count, int64_t K) {
  if (si == 1) pack_neighbours(dst, width, src, sk, count, K);
  else pack_rows(dst, width, src, si, count, K);
}

// dst[(k / 2) * width + i] from neighbouring i of bf16.
WITH_BF16 static void pack_short_neighbours(uint32_t *dst, int width, const uint16_t *src, int64_t sk, int count,
                                            int64_t K) {
  __m512i interleave = _mm512_loadu_si512(pairPlaces);
  for (int64_t k = 0; k < K; k += 2, dst += width) {
    for (int i = 0; i < width; i += VL) {
      __mmask16 there = first_lanes(count - i), next = k + 1 < K ? there : 0;
      __m512i first = _mm512_castsi256_si512(_mm256_maskz_loadu_epi16(there, src + k * sk + i));
      __m512i both = _mm512_inserti64x4(first, _mm256_maskz_loadu_epi16(next, src + (k + 1) * sk + i), 1);
      _mm512_mask_storeu_epi32(dst + i, first_lanes(width - i), _mm512_permutexvar_epi16(interleave, both));
    }
  }
}

static void pack_short(uint32_t *dst, int width, const float *src, int64_t si, int64_t sk, int count, int64_t K) {
  if (si == 1) pack_short_neighbours(dst, width, (const uint16_t *)src, sk, count, K);
  else pack_panel((float *)dst, width, src, si / 2, 1, count, K / 2); // pairs, moved as words
}

static void pack_short_a(void *dst, const float *src, int64_t si, int64_t sk, int count, int64_t K) {
  pack_short(dst, MR, src, si, sk, count, K);
}

static void pack_short_b(void *dst, const float *src, int64_t sj, int64_t sk, int count, int64_t K) {
  pack_short(dst, NR, src, sj, sk, count, K);
}

static void pack_a(void *dst, const float *src, int64_t si, int64_t sk, int count, int64_t K) {
  pack(dst, MR, src, si, sk, count, K);
}

static void pack_b(void *dst, const float *src, int64_t sj, int64_t sk, int count, int64_t K) {
  pack(dst, NR, src, sj, sk, count, K);
}

static const gemm_engine pairs = {.rows = MR, .columns = NR, .depth = 2, .bytes = 2, .kc = 1024,
                                  .pack_a = pack_a, .pack_b = pack_b, .pack_short_a = pack_short_a,
                                  .pack_short_b = pack_short_b, .block = block, .anyRows = 1};

const gemm_engine *engine_bf16(void) {
  switch (heed_bf16_unit()) {
  case HEED_BF16_AMX: return engine_amx();
  case HEED_BF16_VECTOR: return &pairs;
  default: return &engine_fp32;
  }
}

#else
const gemm_engine *engine_bf16(void) { return &engine_fp32; }
#endif
