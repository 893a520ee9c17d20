// Large products (Goto and van de Geijn 2008): B is copied once into panels of as many columns as a block of C has, A
// block by block into panels of its rows, so that the inner loop reads both in order. Tiles of C are the tasks; every
// element of C is summed over k in the same order whatever the number of threads.
#include "gemm.h"
#include "simd.h"

enum { TILE_ROWS = 168, TILE_COLUMNS = 64 * NR, SLAB_BYTES = 8 << 20, MAX_BLOCK = 32 * 32, STRIP = 16 };

typedef struct {
  matmul g; // of one slab of columns
  const gemm_engine *e;
  char *packedB;
  int64_t depthB; // K, filled up to whole groups
  int64_t kc, nc;
  int64_t mc, tiles;           // rows of a tile; row tiles of that height
  int64_t lastRows, lastTiles; // then lower ones, so that no thread waits long for another
  int pastCache;
} packed_job;

#if defined(__x86_64__)
#define IN_REGISTER(v) __asm__("" : "+v"(v))
#else
#define IN_REGISTER(v) (void)0
#endif

// c[rows, NR] = (add ? c : bias or 0) + a[k, MR] b[k, NR] over packed panels; rows is a constant, mode where it matters
ALWAYS_INLINE void compute_block(int rows, int64_t K, const float *a, const float *b, float *c, int64_t ldc, const float *bias,
                                 int mode) {
  vf acc[MR][NV];
  UNROLL for (int r = 0; r < rows; r++) {
    if (mode != BLOCK_PAST_CACHE) {
      __builtin_prefetch(c + r * ldc, 1);
      __builtin_prefetch(c + r * ldc + NR - 1, 1);
    }
    UNROLL for (int v = 0; v < NV; v++) acc[r][v] = splat(0);
  }
  for (int64_t k = 0; k < K; k++) {
    vf row[NV];
    UNROLL for (int v = 0; v < NV; v++) row[v] = load(b + v * VL, VL);
    UNROLL for (int r = 0; r < rows; r++) {
      vf x = splat(a[r]);
      IN_REGISTER(x);
      UNROLL for (int v = 0; v < NV; v++) acc[r][v] = multiply_add(x, row[v], acc[r][v]);
    }
    a += MR;
    b += NR;
  }
  UNROLL for (int v = 0; v < NV; v++) {
    vf base = bias ? load(bias + v * VL, VL) : splat(0);
    UNROLL for (int r = 0; r < rows; r++) {
      float *p = c + r * ldc + v * VL;
      if (mode == BLOCK_PAST_CACHE) store_past_cache(p, acc[r][v] + base);
      else store(p, acc[r][v] + (mode == BLOCK_ADD ? load(p, VL) : base), VL);
    }
  }
}

static void streamed_block(int64_t K, const void *a, const void *b, float *c, int64_t ldc, const float *bias) {
  compute_block(MR, K, a, b, c, ldc, bias, BLOCK_PAST_CACHE);
}

static void block(int64_t here, int64_t K, const void *a, const void *b, float *c, int64_t ldc, const float *bias,
                  int mode) {
  if (mode == BLOCK_PAST_CACHE && here == MR) {
    streamed_block(K, a, b, c, ldc, bias);
    return;
  }
  if (mode == BLOCK_PAST_CACHE) mode = BLOCK_REPLACE;
#define CASE(rows) \
  case rows: compute_block(rows, K, a, b, c, ldc, bias, mode); break;
  switch (here) {
    FOR_FEWER_ROWS(CASE)
    default: compute_block(MR, K, a, b, c, ldc, bias, mode);
  }
#undef CASE
}

static void pack_rows_of_a(void *dst, const float *src, int64_t si, int64_t sk, int count, int64_t K) {
  pack_panel(dst, MR, src, si, sk, count, K);
}

static void pack_columns_of_b(void *dst, const float *src, int64_t sj, int64_t sk, int count, int64_t K) {
  pack_panel(dst, NR, src, sj, sk, count, K);
}

// A tile of A should fit the second cache, which is of a megabyte where vectors have 16 lanes.
enum { DEPTH = VL == 16 ? 1024 : 256 };

const gemm_engine engine_fp32 = {.rows = MR, .columns = NR, .depth = 1, .bytes = 4, .kc = DEPTH,
                                 .pack_a = pack_rows_of_a, .pack_b = pack_columns_of_b, .block = block, .anyRows = 1};

// A block that reaches over the edge of C goes through a full one.
static void edge_block(const packed_job *s, int64_t K, const void *a, const void *b, int64_t i, int64_t j, int mode) {
  const matmul *g = &s->g;
  int64_t width = s->e->columns, rows = min64(s->e->rows, g->M - i), columns = min64(width, g->N - j);
  float full[MAX_BLOCK] __attribute__((aligned(64)));
  s->e->block(s->e->rows, K, a, b, full, width, NULL, BLOCK_REPLACE);
  const float *bias = g->bias ? g->bias + j : NULL;
  for (int64_t r = 0; r < rows; r++) {
    float *c = g->C + (i + r) * g->ldc + j;
    for (int64_t k = 0; k < columns; k++) c[k] = full[r * width + k] + (mode == BLOCK_ADD ? c[k] : bias ? bias[k] : 0);
  }
}

static int64_t whole_groups(const packed_job *s, int64_t K) { return ceil_div(K, s->e->depth) * s->e->depth; }

static void pack_b(void *context, int64_t panel) {
  const packed_job *s = context;
  const matmul *g = &s->g;
  pack_function *pack = g->shortB ? s->e->pack_short_b : s->e->pack_b;
  int64_t j = panel * s->e->columns;
  pack(s->packedB + j * s->depthB * s->e->bytes, number_at(g->B, g->shortB, j * g->bj), g->bj, g->bk,
       (int)min64(s->e->columns, g->N - j), g->K);
}

// Of columns of A, the rows [first, last) for some k.
ALWAYS_INLINE void fetch_columns(const matmul *g, int64_t first, int64_t last, int64_t k, int64_t end) {
  for (; k < end; k++) fetch_lines(g->A + first + k * g->ak, last - first);
}

static void pack_a(const packed_job *s, char *dst, int64_t first, int64_t last, int64_t k, int64_t kc) {
  const matmul *g = &s->g;
  pack_function *pack = g->shortA ? s->e->pack_short_a : s->e->pack_a;
  int64_t strip = g->ai == 1 ? max64(STRIP, s->e->depth) : kc; // where columns of A lie in memory, few pages at a time
  for (int64_t from = 0; from < kc; from += strip) {
    if (strip < kc && !g->shortA) fetch_columns(g, first, last, k + from + strip, k + min64(kc, from + 2 * strip));
    for (int64_t i = first; i < last; i += s->e->rows) {
      int64_t at = (i - first) * whole_groups(s, kc) + from * s->e->rows;
      pack(dst + at * s->e->bytes, number_at(g->A, g->shortA, i * g->ai + (k + from) * g->ak), g->ai, g->ak,
           (int)min64(s->e->rows, last - i), min64(strip, kc - from));
    }
  }
}

// The rows [i0, i1) and columns [j0, j1) of C, for kc of the products from k on.
static void add_products(const packed_job *s, const char *packedA, int64_t i0, int64_t i1, int64_t j0, int64_t j1,
                         int64_t k, int64_t kc) {
  const matmul *g = &s->g;
  const gemm_engine *e = s->e;
  int mode = s->pastCache ? BLOCK_PAST_CACHE : k > 0 || g->accumulate ? BLOCK_ADD : BLOCK_REPLACE;
  for (int64_t j = j0; j < j1; j += e->columns) {
    const char *b = s->packedB + (j * s->depthB + k * e->columns) * e->bytes;
    for (int64_t i = i0; i < i1; i += e->rows) {
      const char *a = packedA + (i - i0) * whole_groups(s, kc) * e->bytes;
      int64_t here = min64(e->rows, g->M - i);
      if (j + e->columns > g->N || (here < e->rows && !e->anyRows)) edge_block(s, kc, a, b, i, j, mode);
      else e->block(here, kc, a, b, g->C + i * g->ldc + j, g->ldc, g->bias ? g->bias + j : NULL, mode);
    }
  }
}

static int64_t column_tiles(const packed_job *s) { return ceil_div(s->g.N, s->nc); }

typedef struct {
  int64_t i0, i1, j0, j1; // rows and columns of C
} tile;

// First all tiles of full height, one column of them after the other, then the lower ones.
static tile tile_of(const packed_job *s, int64_t task) {
  int64_t above = s->tiles * s->mc, last = task - s->tiles * column_tiles(s);
  int64_t row = last < 0 ? task % s->tiles * s->mc : above + last % s->lastTiles * s->lastRows;
  int64_t column = (last < 0 ? task / s->tiles : last / s->lastTiles) * s->nc;
  int64_t height = last < 0 ? s->mc : s->lastRows;
  return (tile){row, min64(row + height, s->g.M), column, min64(column + s->nc, s->g.N)};
}

static void compute_tile(void *context, int64_t task) {
  const packed_job *s = context;
  const matmul *g = &s->g;
  tile t = tile_of(s, task);
  size_t bytes = (size_t)((s->mc + s->e->rows) * whole_groups(s, s->kc) * s->e->bytes);
  char *packedA = heed_scratch(HEED_SCRATCH_B, bytes);
  if (!packedA) return;
  if (s->e->start) s->e->start();
  for (int64_t k = 0; k < g->K; k += s->kc) {
    int64_t kc = min64(s->kc, g->K - k);
    pack_a(s, packedA, t.i0, t.i1, k, kc);
    add_products(s, packedA, t.i0, t.i1, t.j0, t.j1, k, kc);
  }
  if (s->e->stop) s->e->stop();
  if (s->pastCache) finish_stores();
}

// Whether the result is written once, without being read first.
static int is_past_cache(const matmul *g, const gemm_engine *e) {
  int aligned = (uintptr_t)g->C % (VL * 4) == 0 && g->ldc % VL == 0;
  return aligned && !g->accumulate && g->K <= e->kc && exceeds_caches(g);
}

// The smallest multiple of `unit` that divides `size` into as many parts as tiles of `largest` would.
static int64_t even_tile(int64_t size, int64_t largest, int64_t unit) {
  return ceil_div(ceil_div(size, ceil_div(size, largest)), unit) * unit;
}

// Tiles of nearly equal size, small enough that every thread gets several; of the last ones each thread gets quarters.
static void choose_tiles(packed_job *s) {
  enum { QUARTERS = 4 };
  const matmul *g = &s->g;
  int64_t rows = s->e->rows, columns = s->e->columns, threads = heed_threads(), wanted = threads > 1 ? 6 * threads : 1;
  s->kc = even_tile(g->K, s->e->kc, s->e->depth);
  s->mc = even_tile(g->M, TILE_ROWS / rows * rows, rows);
  s->nc = even_tile(g->N, TILE_COLUMNS / columns * columns, columns);
  while (s->nc > 8 * columns && ceil_div(g->M, s->mc) * column_tiles(s) < wanted) s->nc -= columns;
  while (s->mc > 4 * rows && ceil_div(g->M, s->mc) * column_tiles(s) < wanted) s->mc -= rows;
  s->mc = even_tile(g->M, s->mc, rows);
  s->nc = even_tile(g->N, s->nc, columns);
  s->tiles = threads > 1 ? max64(0, ceil_div(g->M, s->mc) - ceil_div(threads, column_tiles(s))) : g->M / s->mc;
  s->lastRows = threads > 1 ? ceil_div(ceil_div(s->mc, QUARTERS), rows) * rows : s->mc;
  s->lastTiles = ceil_div(g->M - s->tiles * s->mc, s->lastRows);
}

void matmul_packed(const matmul *whole, const gemm_engine *e) {
  packed_job s = {.e = e, .pastCache = is_past_cache(whole, e)};
  s.depthB = whole_groups(&s, whole->K);
  int64_t slab = max64(e->columns, SLAB_BYTES / (s.depthB * e->bytes) / e->columns * e->columns);
  for (int64_t j = 0; j < whole->N; j += slab) {
    matmul *g = &s.g;
    *g = *whole;
    g->N = min64(slab, whole->N - j);
    g->B = number_at(g->B, g->shortB, j * g->bj);
    g->C += j;
    if (g->bias) g->bias += j;
    int64_t panels = ceil_div(g->N, e->columns);
    s.packedB = heed_scratch(HEED_SCRATCH_A, (size_t)(panels * e->columns * s.depthB * e->bytes));
    if (!s.packedB) return;
    choose_tiles(&s);
    heed_parallel_for(panels, pack_b, &s);
    int64_t columns = column_tiles(&s), full = s.tiles * columns, low = s.lastTiles * columns;
    heed_parallel_ranges(full + low, full % heed_threads() + low, compute_tile, &s);
  }
}
