// Large products (Goto and van de Geijn 2008): B is copied once into panels of NR columns, A block by block into panels
// of MR rows, so that the inner loop reads both in order. Tiles of C are the tasks; every element of C is summed over k
// in the same order whatever the number of threads.
#include "gemm.h"
#include "simd.h"

enum { KC = 256, MC = 14 * MR, NC = 32 * NR, SLAB_FLOATS = 1 << 21 };

typedef struct {
  matmul g; // of one slab of columns
  float *packedB;
  int64_t kc, mc, nc, rowTiles;
  int pastCache;
} packed_job;

#if defined(__x86_64__)
#define IN_REGISTER(v) __asm__("" : "+v"(v))
#else
#define IN_REGISTER(v) (void)0
#endif

enum { REPLACE, ADD, PAST_CACHE };

// c[MR, NR] = (add ? c : bias or 0) + a[k, MR] b[k, NR] over packed panels; mode is a constant where it matters
ALWAYS_INLINE void compute_block(int64_t K, const float *a, const float *b, float *c, int64_t ldc, const float *bias,
                                 int mode) {
  vf acc[MR][NV];
  UNROLL for (int r = 0; r < MR; r++) {
    if (mode != PAST_CACHE) {
      __builtin_prefetch(c + r * ldc, 1);
      __builtin_prefetch(c + r * ldc + NR - 1, 1);
    }
    UNROLL for (int v = 0; v < NV; v++) acc[r][v] = splat(0);
  }
  for (int64_t k = 0; k < K; k++) {
    vf row[NV];
    UNROLL for (int v = 0; v < NV; v++) row[v] = load(b + v * VL, VL);
    UNROLL for (int r = 0; r < MR; r++) {
      vf x = splat(a[r]);
      IN_REGISTER(x);
      UNROLL for (int v = 0; v < NV; v++) acc[r][v] = multiply_add(x, row[v], acc[r][v]);
    }
    a += MR;
    b += NR;
  }
  UNROLL for (int v = 0; v < NV; v++) {
    vf base = bias ? load(bias + v * VL, VL) : splat(0);
    UNROLL for (int r = 0; r < MR; r++) {
      float *p = c + r * ldc + v * VL;
      if (mode == PAST_CACHE) store_past_cache(p, acc[r][v] + base);
      else store(p, acc[r][v] + (mode == ADD ? load(p, VL) : base), VL);
    }
  }
}

static void full_block(int64_t K, const float *a, const float *b, float *c, int64_t ldc, const float *bias, int mode) {
  compute_block(K, a, b, c, ldc, bias, mode);
}

static void streamed_block(int64_t K, const float *a, const float *b, float *c, int64_t ldc, const float *bias) {
  compute_block(K, a, b, c, ldc, bias, PAST_CACHE);
}

// A block that reaches over the edge of C goes through a full one.
static void edge_block(const matmul *g, int64_t K, const float *a, const float *b, int64_t i, int64_t j, int mode) {
  float full[MR * NR];
  int64_t rows = min64(MR, g->M - i), columns = min64(NR, g->N - j);
  full_block(K, a, b, full, NR, NULL, REPLACE);
  const float *bias = g->bias ? g->bias + j : NULL;
  for (int64_t r = 0; r < rows; r++) {
    float *c = g->C + (i + r) * g->ldc + j;
    for (int64_t k = 0; k < columns; k++) c[k] = full[r * NR + k] + (mode == ADD ? c[k] : bias ? bias[k] : 0);
  }
}

static void pack_b(void *context, int64_t panel) {
  const packed_job *s = context;
  const matmul *g = &s->g;
  int64_t j = panel * NR;
  pack_panel(s->packedB + j * g->K, NR, g->B + j * g->bj, g->bj, g->bk, (int)min64(NR, g->N - j), g->K);
}

static void pack_a(const packed_job *s, float *dst, int64_t first, int64_t last, int64_t k, int64_t kc) {
  const matmul *g = &s->g;
  for (int64_t i = first; i < last; i += MR) {
    const float *src = g->A + i * g->ai + k * g->ak;
    pack_panel(dst + (i - first) * kc, MR, src, g->ai, g->ak, (int)min64(MR, last - i), kc);
  }
}

static void compute_tile(void *context, int64_t task) {
  const packed_job *s = context;
  const matmul *g = &s->g;
  int64_t i0 = task % s->rowTiles * s->mc, i1 = min64(i0 + s->mc, g->M);
  int64_t j0 = task / s->rowTiles * s->nc, j1 = min64(j0 + s->nc, g->N);
  float *packedA = heed_scratch(HEED_SCRATCH_B, (size_t)((s->mc + MR) * s->kc) * sizeof(float));
  for (int64_t k = 0; k < g->K; k += s->kc) {
    int64_t kc = min64(s->kc, g->K - k);
    int mode = k > 0 || g->accumulate ? ADD : REPLACE;
    pack_a(s, packedA, i0, i1, k, kc);
    for (int64_t j = j0; j < j1; j += NR) {
      const float *b = s->packedB + j * g->K + k * NR;
      for (int64_t i = i0; i < i1; i += MR) {
        const float *a = packedA + (i - i0) * kc;
        if (i + MR > g->M || j + NR > g->N) {
          edge_block(g, kc, a, b, i, j, mode);
        } else if (s->pastCache) {
          streamed_block(kc, a, b, g->C + i * g->ldc + j, g->ldc, g->bias ? g->bias + j : NULL);
        } else {
          full_block(kc, a, b, g->C + i * g->ldc + j, g->ldc, g->bias ? g->bias + j : NULL, mode);
        }
      }
    }
  }
  if (s->pastCache) finish_stores();
}

// A result that no cache can hold (logits) is written once, without being read first.
static int is_past_cache(const matmul *g) {
  enum { CACHED_BYTES = 48 << 20 };
  int aligned = (uintptr_t)g->C % (VL * 4) == 0 && g->ldc % VL == 0;
  return aligned && !g->accumulate && g->K <= KC && g->M * g->N > CACHED_BYTES / 4;
}

// The smallest multiple of `unit` that divides `size` into as many parts as tiles of `largest` would.
static int64_t even_tile(int64_t size, int64_t largest, int64_t unit) {
  return ceil_div(ceil_div(size, ceil_div(size, largest)), unit) * unit;
}

// Tiles of nearly equal size, small enough that every thread gets several.
static void choose_tiles(packed_job *s) {
  const matmul *g = &s->g;
  int64_t wanted = 6 * heed_threads();
  s->kc = ceil_div(g->K, ceil_div(g->K, KC));
  s->mc = even_tile(g->M, MC, MR);
  s->nc = even_tile(g->N, NC, NR);
  while (s->nc > 8 * NR && ceil_div(g->M, s->mc) * ceil_div(g->N, s->nc) < wanted) s->nc -= NR;
  while (s->mc > 4 * MR && ceil_div(g->M, s->mc) * ceil_div(g->N, s->nc) < wanted) s->mc -= MR;
  s->mc = even_tile(g->M, s->mc, MR);
  s->nc = even_tile(g->N, s->nc, NR);
  s->rowTiles = ceil_div(g->M, s->mc);
}

void matmul_packed(const matmul *whole) {
  int64_t slab = max64(NR, SLAB_FLOATS / whole->K / NR * NR);
  for (int64_t j = 0; j < whole->N; j += slab) {
    packed_job s = {.g = *whole, .pastCache = is_past_cache(whole)};
    matmul *g = &s.g;
    g->N = min64(slab, whole->N - j);
    g->B += j * g->bj;
    g->C += j;
    if (g->bias) g->bias += j;
    int64_t panels = ceil_div(g->N, NR);
    s.packedB = heed_scratch(HEED_SCRATCH_A, (size_t)(panels * NR * g->K) * sizeof(float));
    choose_tiles(&s);
    heed_parallel_for(panels, pack_b, &s);
    heed_parallel_for(s.rowTiles * ceil_div(g->N, s.nc), compute_tile, &s);
  }
}
