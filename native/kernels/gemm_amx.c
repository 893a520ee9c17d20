// The engine with bf16 products on AMX tiles: a block of C is two by two tiles of 16 rows and 16 columns, and one
// instruction multiplies 16 x 32 by 32 x 16. Packed panels are sequences of tiles of 64-byte rows: a tile of A holds 32
// neighbouring k in a row, a tile of B the pairs along k of 16 neighbouring columns.
#include "gemm.h"

#if VL == 16 && defined(__AVX512F__) && (defined(__linux__) || defined(HEED_EMULATE_AMX))
#include "simd.h"
#include "transpose.h"
#include "amx.h"

enum { TILE = 16, DEPTH = 32, TILE_WORDS = 16 * 16 };

WITH_AMX static __m512i two_rows(__m512 low, __m512 high) {
  union {
    __m512bh pairs;
    __m512i bits;
  } both = {.pairs = _mm512_cvtne2ps_pbh(high, low)};
  return both.bits;
}

WITH_AMX static __m512 some(const float *p, int64_t n) {
  return _mm512_maskz_loadu_ps((__mmask16)((1u << max64(0, min64(TILE, n))) - 1), p);
}

// out[r][k] of 16 rows, from rows that are contiguous along k.
WITH_AMX static void read_rows(uint32_t *out, const float *src, int64_t row, int64_t rows, int64_t K) {
  for (int64_t r = 0; r < TILE; r++) {
    const float *x = src + r * row;
    __m512i bits = r < rows ? two_rows(some(x, K), some(x + TILE, K - TILE)) : _mm512_setzero_si512();
    _mm512_storeu_si512(out + r * TILE, bits);
  }
}

// out[pair][i] of 16 pairs along k, from neighbouring i.
WITH_AMX static void read_pairs(uint32_t *out, const float *src, int64_t sk, int64_t count, int64_t K) {
  static const uint16_t places[32] = {0, 16, 1, 17, 2,  18, 3,  19, 4,  20, 5,  21, 6,  22, 7,  23,
                                      8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31};
  __m512i interleave = _mm512_loadu_si512(places);
  for (int64_t pair = 0; pair < TILE; pair++) {
    int64_t k = 2 * pair;
    __m512 first = some(src + k * sk, k < K ? count : 0), second = some(src + (k + 1) * sk, k + 1 < K ? count : 0);
    _mm512_storeu_si512(out + pair * TILE, _mm512_permutexvar_epi16(interleave, two_rows(first, second)));
  }
}

// Both kinds of tiles from either order of memory: a tile of A is that of B with its words transposed.
static void pack_tile(uint32_t *dst, const float *src, int64_t si, int64_t sk, int64_t count, int64_t K, int asPairs) {
  uint32_t words[TILE_WORDS] __attribute__((aligned(64)));
  int inPairs = si == 1;
  uint32_t *out = inPairs == asPairs ? dst : words;
  if (inPairs) read_pairs(out, src, sk, count, K);
  else read_rows(out, src, si, count, K);
  if (out == words) transpose((float *)dst, TILE, (const float *)words, TILE, TILE, TILE);
}

static void pack(uint32_t *dst, const float *src, int64_t si, int64_t sk, int count, int64_t K, int asPairs) {
  for (int64_t k = 0; k < K; k += DEPTH) {
    for (int half = 0; half < 2; half++, dst += TILE_WORDS) {
      int64_t first = half * TILE, here = max64(0, min64(TILE, count - first));
      pack_tile(dst, src + k * sk + (here ? first * si : 0), si, sk, here, min64(DEPTH, K - k), asPairs);
    }
  }
}

static void pack_a(void *dst, const float *src, int64_t si, int64_t sk, int count, int64_t K) {
  pack(dst, src, si, sk, count, K, 0);
}

static void pack_b(void *dst, const float *src, int64_t sj, int64_t sk, int count, int64_t K) {
  pack(dst, src, sj, sk, count, K, 1);
}

WITH_AMX static void multiply_tiles(int64_t K, const uint32_t *a, const uint32_t *b) {
  for (int64_t k = 0; k < K; k += DEPTH, a += 2 * TILE_WORDS, b += 2 * TILE_WORDS) {
    tile_load(4, a, 64);
    tile_load(6, b, 64);
    tile_multiply(0, 4, 6);
    tile_load(7, b + TILE_WORDS, 64);
    tile_multiply(1, 4, 7);
    tile_load(5, a + TILE_WORDS, 64);
    tile_multiply(2, 5, 6);
    tile_multiply(3, 5, 7);
  }
}

WITH_AMX static void store_tiles(float *c, int64_t ldc) {
  tile_store(0, c, 4 * ldc);
  tile_store(1, c + TILE, 4 * ldc);
  tile_store(2, c + TILE * ldc, 4 * ldc);
  tile_store(3, c + TILE * ldc + TILE, 4 * ldc);
}

WITH_AMX static void block(int64_t here, int64_t K, const void *a, const void *b, float *c, int64_t ldc,
                           const float *bias, int mode) {
  (void)here;
  if (mode == BLOCK_ADD) {
    tile_load(0, c, 4 * ldc);
    tile_load(1, c + TILE, 4 * ldc);
    tile_load(2, c + TILE * ldc, 4 * ldc);
    tile_load(3, c + TILE * ldc + TILE, 4 * ldc);
  } else {
    tile_zero(0);
    tile_zero(1);
    tile_zero(2);
    tile_zero(3);
  }
  multiply_tiles(K, a, b);
  if (mode != BLOCK_PAST_CACHE && !(bias && mode == BLOCK_REPLACE)) {
    store_tiles(c, ldc);
    return;
  }
  float full[4 * TILE_WORDS] __attribute__((aligned(64)));
  store_tiles(full, 2 * TILE);
  for (int r = 0; r < 2 * TILE; r++) {
    for (int half = 0; half < 2; half++) {
      vf sum = load(full + (2 * r + half) * TILE, VL) + (bias ? load(bias + half * TILE, VL) : splat(0));
      if (mode == BLOCK_PAST_CACHE) store_past_cache(c + r * ldc + half * TILE, sum);
      else store(c + r * ldc + half * TILE, sum, VL);
    }
  }
}

static const gemm_engine tiles = {.rows = 2 * TILE, .columns = 2 * TILE, .depth = DEPTH, .bytes = 2, .kc = 1024,
                                  .pack_a = pack_a, .pack_b = pack_b, .block = block,
                                  .start = tiles_configure, .stop = tiles_release};

const gemm_engine *engine_amx(void) { return &tiles; }

#else
const gemm_engine *engine_amx(void) { return &engine_fp32; }
#endif
