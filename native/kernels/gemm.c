// The matrix product's kernel: chooses the way of computing by the shapes alone, so that the bits never depend on the
// number of threads.
#include "gemm.h"

enum { FEW_ROWS = 96, DIRECT_MAX_ROWS = 3 * MR, TASK_FLOPS = 1 << 19, PAGE_NUMBERS = 1024, WORTH_PACKING = 192 };
// Of A, which is read again for every few columns: more of it than the second cache holds has to be packed.
static const int64_t DIRECT_MAX_A = 1 << 19;
// The same for engines that are faster than the direct way.
static const double DIRECT_MAX_FLOPS = 2.0 * 96 * 96 * 96;

static int is_rows(const matmul *g) {
  return g->ak == 1 && g->bk == 1 && g->bj != 1 && g->K > 0 && (g->M <= FEW_ROWS || g->N < 8);
}

// Whether rows of A lie a multiple of a page apart, so that twelve of them share the eight places of one set of the
// first cache, and the product is large enough to pay for packing them.
static int rows_collide(const matmul *g) {
  return g->ak == 1 && g->ai % PAGE_NUMBERS == 0 && min64(g->M, g->N) >= WORTH_PACKING;
}

static int is_direct(const matmul *g, const gemm_engine *engine) {
  if (g->K == 0) return 1;
  if (is_rows(g)) return 0;
  int isSmall = engine == &engine_fp32 ? g->M * g->K <= DIRECT_MAX_A && !rows_collide(g) && !exceeds_caches(g)
                                       : 2.0 * (double)g->M * (double)g->N * (double)g->K <= DIRECT_MAX_FLOPS;
  return g->M <= DIRECT_MAX_ROWS || isSmall;
}

typedef struct {
  const matmul *g;
  void (*compute)(const matmul *g);
  int64_t rows, columns, rowTasks;
} split_job;

static void compute_part(void *context, int64_t task) {
  const split_job *s = context;
  matmul part = *s->g;
  int64_t i = task % s->rowTasks * s->rows, j = task / s->rowTasks * s->columns;
  part.M = min64(s->rows, part.M - i);
  part.N = min64(s->columns, part.N - j);
  part.A += i * part.ai;
  part.B += j * part.bj;
  part.C += i * part.ldc + j;
  if (part.bias) part.bias += j;
  s->compute(&part);
}

enum { MANY_PARTS = 16, ROWS_OF_A_COPY = 16 * MR };

// Panels of B that are copied are read by enough rows to be worth it.
static void compute_copying(const matmul *g) {
  int64_t parts = ceil_div(g->N, NR) >= MANY_PARTS ? 1 : max64(1, g->M / ROWS_OF_A_COPY), rows = ceil_div(g->M, parts);
  split_job s = {g, matmul_direct, ceil_div(rows, MR) * MR, NR, 0};
  s.rowTasks = ceil_div(g->M, s.rows);
  heed_parallel_for(s.rowTasks * ceil_div(g->N, NR), compute_part, &s);
}

// Splits C into parts worth a task each: first its columns, so that B is read once, then, where these are few, its rows.
static void compute_split(const matmul *g, void (*compute)(const matmul *g)) {
  int64_t flopsPerColumn = max64(1, 2 * g->M * g->K);
  int64_t columns = max64(1, ceil_div(TASK_FLOPS, flopsPerColumn));
  columns = min64(ceil_div(columns, 2 * NR) * 2 * NR, max64(1, g->N));
  int64_t rows = max64(1, ceil_div(TASK_FLOPS, max64(1, 2 * columns * g->K)));
  rows = ceil_div(g->N, columns) >= MANY_PARTS ? g->M : ceil_div(rows, 2 * MR) * 2 * MR;
  rows = min64(rows, max64(1, g->M));
  split_job s = {g, compute, rows, columns, ceil_div(g->M, rows)};
  heed_parallel_for(s.rowTasks * ceil_div(g->N, columns), compute_part, &s);
}

// Whether numbers of bf16 can be packed: neighbours, or whole pairs along k.
static int can_pack_short(int64_t stride, int64_t K) { return stride == 1 || (stride % 2 == 0 && K % 2 == 0); }

static int reads_short(const matmul *g, const gemm_engine *engine) {
  if (is_direct(g, engine) || is_rows(g) || !engine->pack_short_a) return 0;
  return (!g->shortA || can_pack_short(g->ai, g->K)) && (!g->shortB || can_pack_short(g->bj, g->K));
}

static void multiply(const matmul *whole, const gemm_engine *engine) {
  matmul g = *whole;
  if (g.M == 0 || g.N == 0) return;
  if ((g.shortA || g.shortB) && !reads_short(&g, engine) && !matmul_widen(&g)) return;
  if (is_direct(&g, engine) && g.bj != 1) compute_copying(&g);
  else if (is_direct(&g, engine)) compute_split(&g, matmul_direct);
  else if (is_rows(&g)) compute_split(&g, matmul_rows);
  else matmul_packed(&g, engine);
}

typedef struct {
  matmul g;
  const gemm_engine *engine;
  int64_t strideA, strideB, strideC, batch, perTask;
} batch_job;

static void multiply_entry(const batch_job *s, int64_t entry) {
  matmul g = s->g;
  g.A = number_at(g.A, g.shortA, entry * s->strideA);
  g.B = number_at(g.B, g.shortB, entry * s->strideB);
  g.C += entry * s->strideC;
  multiply(&g, s->engine);
}

static void multiply_entries(void *context, int64_t task) {
  const batch_job *s = context;
  int64_t first = task * s->perTask, last = min64(first + s->perTask, s->batch);
  for (int64_t entry = first; entry < last; entry++) multiply_entry(s, entry);
}

// The arguments of the product of a batch:
// tensors C[M, N], A[M, K] or [K, M], B[K, N] or [N, K], bias[N] or NULL (used when not accumulating);
// ints transA, transB, M, N, K, lda, ldb, ldc, accumulate, batch, strideA, strideB, strideC; items = 1
static void multiply_batch(const heed_args *a, const gemm_engine *engine, int shortA, int shortB) {
  enum { BATCH_TASK_FLOPS = 1 << 17, SERIAL_ENTRY_FLOPS = 1 << 20 };
  const int64_t *i = a->i;
  int transA = i[0] != 0, transB = i[1] != 0, accumulate = i[8] != 0;
  int64_t lda = i[5], ldb = i[6];
  batch_job s = {
      .engine = engine,
      .g = {i[2], i[3], i[4], a->t[1], transA ? 1 : lda, transA ? lda : 1, a->t[2], transB ? 1 : ldb,
            transB ? ldb : 1, a->t[0], i[7], accumulate ? NULL : a->t[3], accumulate, shortA, shortB},
      .batch = i[9], .strideA = i[10], .strideB = i[11], .strideC = i[12]};
  double flops = 2.0 * (double)i[2] * (double)i[3] * (double)i[4];
  // Entries in parallel when there are enough of them or each is small, else one after the other, each in parallel.
  if (s.batch > 1 && (flops < SERIAL_ENTRY_FLOPS || s.batch >= 4 * heed_threads())) {
    s.perTask = flops * 256 < BATCH_TASK_FLOPS ? 256 : max64(1, (int64_t)(BATCH_TASK_FLOPS / flops));
    heed_parallel_for(ceil_div(s.batch, s.perTask), multiply_entries, &s);
  } else {
    for (int64_t entry = 0; entry < s.batch; entry++) multiply_entry(&s, entry);
  }
}

// C = (accumulate ? C : 0) + op(A) op(B) + bias, for every entry of a batch; the arguments stand above
KERNEL(gemm) { multiply_batch(a, &engine_fp32, 0, 0); }

// The same with the numbers of large products rounded to bf16, sums in fp32. Two ints more: whether A and B are stored
// as bf16.
KERNEL(gemm_bf16) { multiply_batch(a, engine_bf16(), a->i[13] != 0, a->i[14] != 0); }
