// The output projection of a decoding step with the choice of the best tokens: logits live in a cache-sized block of
// columns only, of which each task keeps the largest and the sum of exponentials.
#include "decoder_step.h"
#include "rows.h"

enum { BLOCK_COLUMNS = 256, SCAN = 64 };

typedef struct {
  float logit;
  int32_t token;
} candidate;

typedef struct {
  const best_tokens *s;
  int64_t blocks;
  candidate *best;  // [blocks, rows, k]
  float *maxima;    // [blocks, rows]
  double *sums;     // [blocks, rows] of e^(logit - maximum)
  float *wanted;    // [rows]
} best_job;

// Puts a candidate in its place; of equal ones the earlier stays before.
static void insert(candidate *best, int64_t k, candidate new) {
  int64_t at = k - 1;
  for (; at > 0 && best[at - 1].logit < new.logit; at--) best[at] = best[at - 1];
  best[at] = new;
}

static void scan_row(candidate *best, int64_t k, const float *logits, int64_t first, int64_t n) {
  for (int64_t i = 0; i < k; i++) best[i] = (candidate){-INFINITY, (int32_t)min64(first + i, first + n - 1)};
  for (int64_t c = 0; c < n; c += SCAN) {
    int64_t count = min64(SCAN, n - c);
    if (row_max(logits + c, count) <= best[k - 1].logit) continue;
    for (int64_t i = c; i < c + count; i++) {
      if (logits[i] > best[k - 1].logit) insert(best, k, (candidate){logits[i], (int32_t)(first + i)});
    }
  }
}

static double sum_exponentials(const float *x, int64_t n, float max) {
  if (max == -INFINITY) return 0;
  vf sum = splat(0);
  FOR_VECTORS(c, n, sum += vexp(load_or(x + c, W, -INFINITY) - max););
  return lane_sum(sum);
}

static void forbid(const best_tokens *s, float *logits, int64_t first, int64_t n) {
  for (int64_t c = 0; s->forbidden && c < n; c++) {
    if (!s->forbidden[first + c]) continue;
    for (int64_t row = 0; row < s->in.rows; row++) logits[row * BLOCK_COLUMNS + c] = -INFINITY;
  }
}

static void best_of_block(void *context, int64_t block) {
  const best_job *j = context;
  const best_tokens *s = j->s;
  int64_t first = block * BLOCK_COLUMNS, n = min64(BLOCK_COLUMNS, s->V - first);
  int64_t rows = s->in.rows;
  float *logits = heed_scratch(HEED_SCRATCH_C, (size_t)(rows * BLOCK_COLUMNS) * sizeof(float));
  if (!logits) return;
  step_product part = {.weight = s->weight, .scales = s->scales, .N = s->V, .stride = BLOCK_COLUMNS};
  multiply_columns(&s->in, &part, first, n, logits);
  forbid(s, logits, first, n);
  for (int64_t row = 0; row < rows; row++) {
    const float *x = logits + row * BLOCK_COLUMNS;
    int64_t at = block * rows + row, wanted = s->wanted[row] - first;
    j->maxima[at] = row_max(x, n);
    j->sums[at] = sum_exponentials(x, n, j->maxima[at]);
    if (wanted >= 0 && wanted < n) j->wanted[row] = x[wanted];
    scan_row(j->best + at * s->k, s->k, x, first, n);
  }
}

// Logarithm of the sum of all exponentials of a row.
static double log_sum(const best_job *j, int64_t row) {
  int64_t rows = j->s->in.rows, end = j->blocks * rows;
  float max = -INFINITY;
  for (int64_t at = row; at < end; at += rows) max = j->maxima[at] > max ? j->maxima[at] : max;
  double sum = 0;
  for (int64_t at = row; at < end; at += rows) {
    if (j->sums[at] != 0) sum += j->sums[at] * expf(j->maxima[at] - max);
  }
  return max + logf((float)sum);
}

static void merge_row(const best_job *j, int64_t row) {
  const best_tokens *s = j->s;
  candidate *best = j->best + row * s->k; // the first block's
  for (int64_t b = 1; b < j->blocks; b++) {
    const candidate *more = j->best + (b * s->in.rows + row) * s->k;
    for (int64_t i = 0; i < s->k && more[i].logit > best[s->k - 1].logit; i++) insert(best, s->k, more[i]);
  }
  double total = log_sum(j, row);
  float *scores = s->scores + row * (s->k + 1);
  for (int64_t i = 0; i < s->k; i++) {
    s->tokens[row * s->k + i] = best[i].token;
    scores[i] = (float)(best[i].logit - total);
  }
  scores[s->k] = s->wanted[row] < 0 ? 0 : (float)(j->wanted[row] - total);
}

void find_best_tokens(const best_tokens *wanted) {
  best_tokens own = *wanted;
  const best_tokens *s = &own;
  quantized_input codes;
  if (!coded(&own.in, &codes)) return;
  best_job j = {.s = s, .blocks = ceil_div(s->V, BLOCK_COLUMNS)};
  int64_t all = j.blocks * s->in.rows;
  size_t bytes = (size_t)all * (sizeof(double) + sizeof(float) + (size_t)s->k * sizeof(candidate));
  char *memory = heed_scratch(HEED_SCRATCH_D, bytes + (size_t)s->in.rows * sizeof(float));
  if (!memory) return;
  j.sums = (double *)memory;
  j.best = (candidate *)(j.sums + all);
  j.maxima = (float *)(j.best + all * s->k);
  j.wanted = j.maxima + all;
  heed_parallel_for(j.blocks, best_of_block, &j);
  for (int64_t row = 0; row < s->in.rows; row++) merge_row(&j, row);
}
