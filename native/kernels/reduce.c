// Reductions of x[outer, n, inner] over n. Fixed blocks of n are reduced on their own and combined in order, so the
// bits do not depend on the number of threads and the rounding error grows with the block, not with n. items = 1.
#include "kernel.h"
#include "simd.h"

enum { BLOCK_ROWS = 128, MAX_BLOCKS = 64, MAX_UNITS_PER_LAUNCH = 1024, SERIAL_ELEMENTS = 32768 };
enum { REDUCE_SUM, REDUCE_MAX };

typedef struct {
  float *partial; // [outer, blocks, inner]; y itself when blocks is 1
  const float *x;
  int64_t outer, n, inner, blocks, blockRows, unitsPerTask;
  int op;
} reduce_job;

// The maximum keeps a NaN that it has met.
ALWAYS_INLINE vf combine(int op, vf s, vf v) {
  if (op == REDUCE_SUM) return s + v;
  return choose(is_nan(s), s, vmax(s, v));
}
ALWAYS_INLINE vf identity(int op) { return splat(op == REDUCE_SUM ? 0.0f : -INFINITY); }

static float combine_lanes(int op, vf v) {
  if (op == REDUCE_SUM) return lane_sum(v);
  float m = v[0];
  for (int k = 1; k < VL; k++) m = m != m || m > v[k] ? m : v[k];
  return m;
}

// Reduces a run of adjacent elements.
ALWAYS_INLINE float reduce_run(int op, const float *x, int64_t n) {
  float none = op == REDUCE_SUM ? 0.0f : -INFINITY;
  vf total = identity(op);
  for (int64_t first = 0; first < n; first += BLOCK_ROWS * VL) {
    const float *p = x + first;
    int64_t length = min64(BLOCK_ROWS * VL, n - first), k = 0;
    vf s[4] = {identity(op), identity(op), identity(op), identity(op)};
    for (; k + 4 * VL <= length; k += 4 * VL) {
      UNROLL for (int v = 0; v < 4; v++) s[v] = combine(op, s[v], load(p + k + v * VL, VL));
    }
    FOR_VECTORS(rest, length - k, s[0] = combine(op, s[0], load_or(p + k + rest, W, none)););
    total = combine(op, total, combine(op, combine(op, s[0], s[1]), combine(op, s[2], s[3])));
  }
  return combine_lanes(op, total);
}

enum { STRIP_VECTORS = 4 };

// Reduces a strip of adjacent columns: BLOCK_ROWS rows in registers, then into the total. `vectors` is a constant; the
// only vector of a narrow strip has w lanes.
ALWAYS_INLINE void reduce_strip(int op, float *y, const float *x, int64_t rows, int64_t inner, int vectors, int w) {
  vf total[STRIP_VECTORS], s[STRIP_VECTORS];
  UNROLL for (int v = 0; v < vectors; v++) total[v] = identity(op);
  for (int64_t first = 0; first < rows; first += BLOCK_ROWS) {
    int64_t last = min64(first + BLOCK_ROWS, rows);
    UNROLL for (int v = 0; v < vectors; v++) s[v] = identity(op);
    for (int64_t row = first; row < last; row++) {
      UNROLL for (int v = 0; v < vectors; v++) s[v] = combine(op, s[v], load(x + row * inner + v * VL, w));
    }
    UNROLL for (int v = 0; v < vectors; v++) total[v] = combine(op, total[v], s[v]);
  }
  UNROLL for (int v = 0; v < vectors; v++) store(y + v * VL, total[v], w);
}

ALWAYS_INLINE void reduce_columns(int op, float *y, const float *x, int64_t rows, int64_t inner) {
  int64_t c = 0;
  for (; c + STRIP_VECTORS * VL <= inner; c += STRIP_VECTORS * VL) {
    reduce_strip(op, y + c, x + c, rows, inner, STRIP_VECTORS, VL);
  }
  FOR_VECTORS(k, inner - c, reduce_strip(op, y + c + k, x + c + k, rows, inner, 1, W););
}

ALWAYS_INLINE void reduce_unit(int op, const reduce_job *s, int64_t unit) {
  int64_t outer = unit / s->blocks, first = unit % s->blocks * s->blockRows;
  int64_t rows = max64(0, min64(s->blockRows, s->n - first));
  const float *x = s->x + (outer * s->n + first) * s->inner;
  float *y = s->partial + unit * s->inner;
  if (s->inner == 1) *y = reduce_run(op, x, rows);
  else reduce_columns(op, y, x, rows, s->inner);
}

static void reduce_task(void *context, int64_t task) {
  const reduce_job *s = context;
  int64_t first = task * s->unitsPerTask, last = min64(first + s->unitsPerTask, s->outer * s->blocks);
  for (int64_t unit = first; unit < last; unit++) {
    if (s->op == REDUCE_SUM) reduce_unit(REDUCE_SUM, s, unit);
    else reduce_unit(REDUCE_MAX, s, unit);
  }
}

static void run_units(reduce_job *s) {
  int64_t units = s->outer * s->blocks;
  s->unitsPerTask = s->outer * s->n * s->inner < SERIAL_ELEMENTS ? units : ceil_div(units, MAX_UNITS_PER_LAUNCH);
  if (units > 0) heed_parallel_for(ceil_div(units, s->unitsPerTask), reduce_task, s);
}

static void reduce(const heed_args *a, int op) {
  reduce_job s = {.x = a->t[1], .outer = a->i[0], .n = a->i[1], .inner = a->i[2], .op = op};
  s.blockRows = max64(s.inner == 1 ? 16384 : 2 * BLOCK_ROWS, ceil_div(s.n, MAX_BLOCKS));
  s.blocks = max64(1, ceil_div(s.n, s.blockRows));
  if (s.blocks == 1) {
    s.partial = a->t[0];
    run_units(&s);
    return;
  }
  s.partial = heed_scratch(HEED_SCRATCH_A, (size_t)(s.outer * s.blocks * s.inner) * sizeof(float));
  if (!s.partial) return;
  run_units(&s);
  reduce_job last = {.partial = a->t[0], .x = s.partial, .outer = s.outer, .n = s.blocks, .inner = s.inner,
                     .blocks = 1, .blockRows = s.blocks, .op = op};
  run_units(&last);
}

// y = sum over n of x
// tensors y[outer, inner], x[outer, n, inner]; ints outer, n, inner
KERNEL(reduce_sum) { reduce(a, REDUCE_SUM); }

// y = maximum over n of x, NaN where x has one, -inf when n is 0
// tensors y[outer, inner], x[outer, n, inner]; ints outer, n, inner
KERNEL(reduce_max) { reduce(a, REDUCE_MAX); }

typedef float half_memory __attribute__((vector_size(VL * 2), aligned(4), may_alias));
typedef double vd __attribute__((vector_size(VL * 4)));

enum { SQUARES_CHUNK = 16384 };

typedef struct {
  double *partial; // of each chunk
  void *const *x;
  const int64_t *sizes;
} squares_job;

static double squares(const float *x, int64_t last) {
  int64_t k = 0;
  vd sums[4] = {{0}};
  for (; k + 2 * VL <= last; k += 2 * VL) {
    UNROLL for (int part = 0; part < 4; part++) {
      vd v = __builtin_convertvector(*(const half_memory *)(x + k + part * (VL / 2)), vd);
      sums[part] += v * v;
    }
  }
  vd sum = (sums[0] + sums[1]) + (sums[2] + sums[3]);
  double total = 0;
  for (int lane = 0; lane < VL / 2; lane++) total += sum[lane];
  for (; k < last; k++) total += (double)x[k] * x[k];
  return total;
}

static void squares_chunk(void *context, int64_t task) {
  const squares_job *s = context;
  int64_t tensor = 0, chunk = task;
  for (int64_t own; chunk >= (own = ceil_div(s->sizes[tensor], SQUARES_CHUNK)); tensor++) chunk -= own;
  int64_t first = chunk * SQUARES_CHUNK;
  const float *x = s->x[tensor];
  s->partial[task] = squares(x + first, min64(SQUARES_CHUNK, s->sizes[tensor] - first));
}

// y = sum of the squares of all elements of `count` tensors, in double
// tensors y[1] (float64), x...; ints count, sizes[count]; items = 1
KERNEL(sum_squares) {
  int64_t count = a->i[0], chunks = 0;
  for (int64_t k = 0; k < count; k++) chunks += ceil_div(a->i[1 + k], SQUARES_CHUNK);
  squares_job s = {heed_scratch(HEED_SCRATCH_A, (size_t)(chunks + 1) * sizeof(double)), a->t + 1, a->i + 1};
  if (!s.partial) return;
  heed_parallel_for(chunks, squares_chunk, &s);
  double total = 0;
  for (int64_t chunk = 0; chunk < chunks; chunk++) total += s.partial[chunk];
  *(double *)a->t[0] = total;
}
