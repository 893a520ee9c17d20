// Products straight from row-major operands: C's block stays in registers while one row of B after the other is
// scaled by broadcast elements of A.
#include "gemm.h"
#include "simd.h"

#if defined(__x86_64__)
// Keeps a broadcast in a register instead of repeating its load in every product.
#define IN_REGISTER(v) __asm__("" : "+v"(v))
#else
#define IN_REGISTER(v) (void)0
#endif

// Memory that is needed after a panel, two cache lines for each k: at + k * step, and as much as `other` further on.
typedef struct {
  const float *at; // or NULL
  int64_t step, other;
} lines_ahead;

// rows, vectors and masked are constants wherever this is called; the last vector has w lanes when masked. One line is
// fetched with every k where `next` is not NULL.
ALWAYS_INLINE void block(const matmul *g, int rows, int vectors, int masked, int w, int64_t i, int64_t j,
                         const float *next, int64_t step) {
  vf acc[MR][NV];
  UNROLL for (int r = 0; r < rows; r++) {
    UNROLL for (int v = 0; v < vectors; v++) acc[r][v] = splat(0);
  }
  const int64_t ai = g->ai, ak = g->ak, bk = g->bk;
  const float *A[3] = {g->A + i * ai, g->A + (i + 4) * ai, g->A + (i + 8) * ai};
  const float *B = g->B + j;
  for (int64_t k = 0; k < g->K; k++) {
    vf b[NV];
    UNROLL for (int v = 0; v < vectors; v++) b[v] = load(B + v * VL, masked && v == vectors - 1 ? w : VL);
    UNROLL for (int r = 0; r < rows; r++) {
      vf x = splat(A[r >> 2][(r & 3) * ai]);
      IN_REGISTER(x);
      UNROLL for (int v = 0; v < vectors; v++) acc[r][v] = multiply_add(x, b[v], acc[r][v]);
    }
    UNROLL for (int part = 0; part < 3; part++) A[part] += ak;
    B += bk;
    if (next) __builtin_prefetch(next + k * step, 0, 2);
  }
  UNROLL for (int v = 0; v < vectors; v++) {
    int lanes = masked && v == vectors - 1 ? w : VL;
    vf bias = g->bias && !g->accumulate ? load(g->bias + j + v * VL, lanes) : splat(0);
    UNROLL for (int r = 0; r < rows; r++) {
      float *c = g->C + (i + r) * g->ldc + j + v * VL;
      store(c, acc[r][v] + (g->accumulate ? load(c, lanes) : bias), lanes);
    }
  }
}

typedef void (*block_function)(const matmul *g, int w, int64_t i, int64_t j, const float *next, int64_t step);

#define BLOCK(name, r, vectors, masked, fetched)                                                                     \
  static void name##_##r(const matmul *g, int w, int64_t i, int64_t j, const float *next, int64_t step) {            \
    (void)next;                                                                                                      \
    block(g, r, vectors, masked, w, i, j, fetched, step);                                                            \
  }
#define BLOCK_ROW_COUNT(r)        \
  BLOCK(wide, r, NV, 0, NULL)     \
  BLOCK(fetching, r, NV, 0, next) \
  BLOCK(ragged, r, NV, 1, NULL)   \
  BLOCK(narrow, r, 1, 1, NULL)
#define FUNCTIONS(r) {wide_##r, fetching_##r, ragged_##r, narrow_##r}
enum { WIDE, FETCHING, RAGGED, NARROW, KINDS };

BLOCK_ROW_COUNT(1)
BLOCK_ROW_COUNT(2)
BLOCK_ROW_COUNT(3)
BLOCK_ROW_COUNT(4)
#if MR >= 6
BLOCK_ROW_COUNT(5)
BLOCK_ROW_COUNT(6)
#endif
#if MR >= 8
BLOCK_ROW_COUNT(7)
BLOCK_ROW_COUNT(8)
#endif
#if MR >= 12
BLOCK_ROW_COUNT(9)
BLOCK_ROW_COUNT(10)
BLOCK_ROW_COUNT(11)
BLOCK_ROW_COUNT(12)
#endif

static const block_function blockFunctions[MR][KINDS] = {
    FUNCTIONS(1), FUNCTIONS(2), FUNCTIONS(3), FUNCTIONS(4),
#if MR >= 6
    FUNCTIONS(5), FUNCTIONS(6),
#endif
#if MR >= 8
    FUNCTIONS(7), FUNCTIONS(8),
#endif
#if MR >= 12
    FUNCTIONS(9), FUNCTIONS(10), FUNCTIONS(11), FUNCTIONS(12),
#endif
};

// All rows of the columns [j, j + width), width <= NR, in blocks of nearly equal height. The first one waits for B; two
// others have the time to fetch what is needed next.
static void column_panel(const matmul *g, int64_t j, int64_t width, lines_ahead next) {
  int kind = width == NR ? WIDE : width > VL ? RAGGED : NARROW;
  int w = (int)(width > VL ? width - VL : width);
  int64_t blocks = ceil_div(g->M, MR), i = 0;
  for (int64_t b = 0; b < blocks; b++) {
    int64_t rows = (g->M - i) / (blocks - b);
    int fetches = next.at && kind == WIDE && (b == 1 || b == 2);
    const float *at = fetches ? next.at + (b - 1) * next.other : NULL;
    blockFunctions[rows - 1][fetches ? FETCHING : kind](g, w, i, j, at, next.step);
    i += rows;
  }
}

enum { K_BLOCK = 512, COPY_MIN_ROWS = 8 * MR, ALIASING = 256, MANY_ROWS = 32 * MR, MANY_PAGES = 192, NEARLY_A_PAGE = 768 };

// A panel that many rows of A need is copied first where rows of B are a multiple of a kilobyte apart, which share few
// places of a cache, and where they lie on many pages, almost every one on its own.
static int wants_copy(const matmul *g) {
  int isFarApart = g->bk >= NEARLY_A_PAGE && g->K >= MANY_PAGES && g->M >= MANY_ROWS;
  return g->N >= NR && g->M >= COPY_MIN_ROWS && (g->bk % ALIASING == 0 || isFarApart);
}

// The columns of one panel, from a copy of them.
static void copied_panel(const matmul *part, const float *bias, int64_t j, float *panel) {
  int64_t width = min64(NR, part->N - j);
  matmul own = *part;
  own.B = panel;
  own.bk = NR;
  own.C = part->C + j;
  own.bias = bias ? bias + j : NULL;
  pack_panel(panel, NR, part->B + j * part->bj, part->bj, part->bk, (int)width, part->K);
  column_panel(&own, 0, width, (lines_ahead){part->bj == 1 ? part->B + j + NR : NULL, part->bk, LINE});
}

void matmul_direct(const matmul *g) {
  matmul part = *g;
  int mustCopy = g->bj != 1;
  float *panel = mustCopy || wants_copy(g) ? heed_scratch(HEED_SCRATCH_B, NR * K_BLOCK * sizeof(float)) : NULL;
  if (mustCopy && !panel) return;
  int64_t k = 0;
  do { // at least once: K = 0 leaves the bias
    part.K = min64(K_BLOCK, g->K - k);
    part.A = g->A + k * g->ak;
    part.B = g->B + k * g->bk;
    lines_ahead next = {g->streams ? part.B + part.K * part.bk : NULL, LINE, part.K * LINE};
    for (int64_t j = 0; j < g->N; j += NR) {
      if (panel && (mustCopy || g->N - j >= NR)) copied_panel(&part, g->bias, j, panel);
      else column_panel(&part, j, min64(NR, g->N - j), next);
    }
    part.accumulate = 1;
    k += K_BLOCK;
  } while (k < g->K);
}

// Panels are better than dot products where these are short, because each of them ends in a sum over lanes.
void matmul_rows(const matmul *g) {
  enum { PANEL_MIN_ROWS = 24, PANEL_MAX_DEPTH = 128 };
  if (g->M >= PANEL_MIN_ROWS && g->N >= NR && g->K <= PANEL_MAX_DEPTH) matmul_direct(g);
  else matmul_dot(g);
}
