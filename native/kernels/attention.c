// Scaled dot-product attention (Vaswani et al. 2017) in blocks with a running softmax (Dao et al. 2022): the scores of
// one block of queries and keys are all that is ever stored.
#include "attention.h"
#include "attention_rows.h"
#include "kernel.h"
#include "rows.h"

typedef struct {
  float *keys;    // [D, blockRow], transposed
  float *scores;  // [queryBlock, blockRow]
  float *maxima;  // [T] running maximum of each query's scores
  float *sums;    // [T] running sum of e^(score - maximum)
} forward_memory;

static forward_memory forward_scratch(const attention_shape *p) {
  size_t floats = (size_t)(p->D * p->blockRow + p->queryBlock * p->blockRow + 2 * p->T);
  float *memory = heed_scratch(HEED_SCRATCH_C, floats * sizeof(float));
  if (!memory) return (forward_memory){0};
  float *scores = memory + p->D * p->blockRow, *maxima = scores + p->queryBlock * p->blockRow;
  return (forward_memory){memory, scores, maxima, maxima + p->T};
}

typedef struct {
  const attention_shape *p;
  forward_memory m;
  const float *q, *k, *v; // of this batch entry and head
  float *out;
  float *bins; // NULL, or the weights by distance, in rows like those of `out`
  int64_t h;
} head_job;

// Adds the weights of query t, before they are divided by their sum, to its bins.
static void bin_row(const head_job *j, const float *row, int64_t t, int64_t s, int64_t count) {
  const attention_shape *p = j->p;
  sum_by_distance(j->bins + t * p->oRow, row, table_column(p, t, s), count, p->more.width);
}

// The sums over weights of query t, its output and bins, times a factor.
static void scale_sums(const head_job *j, int64_t t, float factor) {
  const attention_shape *p = j->p;
  scale_row(j->out + t * p->oRow, p->Dv, factor);
  if (j->bins) scale_row(j->bins + t * p->oRow, p->more.width, factor);
}

// Turns the raw scores of query t against the keys [s, s + width) into weights and updates its running softmax, which
// starts with the first keys.
static void weigh_row(const head_job *j, float *row, int64_t t, int64_t s, int64_t width, int isFirst) {
  const attention_shape *p = j->p;
  index_range seen = visible_keys(p, t, 1, s, width);
  int64_t count = seen.end - seen.first, key = s + seen.first;
  float before = isFirst ? -INFINITY : j->m.maxima[t];
  float *scores = row + seen.first;
  if (adds_scores(p)) add_scores(p, scores, j->h, t, key, count);
  float max = finish_scores(scores, count, adds_scores(p) ? 1 : p->scale, mask_row(p, j->h, t, key));
  max = max > before ? max : before;
  float shift = max == -INFINITY ? 0 : max;
  const dropout *drop = p->dropping ? &p->drop : NULL;
  float sum = exponentiate(scores, count, shift, drop, weight_index(p, j->h, t, key));
  for (int64_t c = 0; c < seen.first; c++) row[c] = 0;
  for (int64_t c = seen.end; c < width; c++) row[c] = 0;
  if (isFirst) j->m.sums[t] = 0;
  float shrink = join_block(j->m.sums + t, sum, before, max);
  if (!isFirst && shrink != 1) scale_sums(j, t, shrink);
  j->m.maxima[t] = max;
  if (!j->bins) return;
  if (isFirst) scale_row(j->bins + t * p->oRow, p->more.width, 0);
  bin_row(j, scores, t, key, count);
}

// Scores of the queries [t, t + rows) against the keys [s, s + width), which are columns of the transposed ones from
// `column` on.
static void score_block(const head_job *j, int64_t t, int64_t rows, int64_t s, int64_t width, int64_t column) {
  const attention_shape *p = j->p;
  matmul g = {.M = rows, .N = width, .K = p->D, .A = j->q + t * p->qRow, .ai = p->qRow, .ak = 1,
              .C = j->m.scores, .ldc = p->blockRow};
  if (p->T < 4) { // too few queries to pay for transposing the keys
    g.B = j->k + s * p->kRow;
    g.bk = 1;
    g.bj = p->kRow;
    matmul_dot(&g);
  } else {
    g.B = j->m.keys + column;
    g.bk = p->blockRow;
    g.bj = 1;
    matmul_direct(&g);
  }
}

// The block of keys that starts the running softmax of the queries from t on: the first one that any of them can see,
// or the nearest one there is.
static int64_t first_keys(const attention_shape *p, int64_t t) {
  int64_t key = min64(max64(0, t + p->offset - p->left), max64(0, p->S - 1));
  return key - key % S_BLOCK;
}

static void attend_keys(const head_job *j, int64_t s, int64_t count) {
  const attention_shape *p = j->p;
  index_range queries = seeing_queries(p, s, count);
  if (s == 0) queries.first = 0; // queries that see no key start with the nearest ones
  if (s + count == p->S) queries.end = p->T;
  if (queries.first >= queries.end) return;
  if (p->T >= 4) transpose(j->m.keys, p->blockRow, j->k + s * p->kRow, p->kRow, count, p->D);
  for (int64_t t = queries.first; t < queries.end; t += p->queryBlock) {
    int64_t rows = min64(p->queryBlock, p->T - t);
    index_range seen = visible_keys(p, t, rows, s, count);
    int64_t width = seen.end - seen.first, key = s + seen.first;
    int isFirst = s == first_keys(p, t);
    if (width == 0 && !isFirst) continue;
    score_block(j, t, rows, key, width, seen.first);
    for (int64_t r = 0; r < rows; r++) weigh_row(j, j->m.scores + r * p->blockRow, t + r, key, width, isFirst);
    matmul g = {.M = rows, .N = p->Dv, .K = width, .A = j->m.scores, .ai = p->blockRow, .ak = 1,
                .B = j->v + key * p->vRow, .bk = p->vRow, .bj = 1, .C = j->out + t * p->oRow, .ldc = p->oRow,
                .accumulate = !isFirst};
    matmul_direct(&g);
  }
}

static void attend_head(const head_job *j, float *lse) {
  const attention_shape *p = j->p;
  int64_t s = 0;
  do { // at least once: without keys the output is 0
    attend_keys(j, s, min64(S_BLOCK, p->S - s));
    s += S_BLOCK;
  } while (s < p->S);
  for (int64_t t = 0; t < p->T; t++) {
    float sum = j->m.sums[t];
    scale_sums(j, t, sum == 0 ? 0 : 1 / sum);
    lse[t] = sum == 0 ? -INFINITY : j->m.maxima[t] + logf(sum);
  }
}

// out = dropout(softmax(scale q k^T, masked)) v, lse = log sum e^score (-inf and a row of 0 where all is masked)
// tensors out, lse, q, k, v, mask or NULL (uint8), segments or NULL (int32); ints B (or segments), H, Kh, T, S, D, Dv,
// qRow, kRow, vRow, oRow, qBatch, kBatch, vBatch, oBatch, causal, offset, maskB, maskH, maskT, k0, k1, left, right;
// floats scale, p; items = B * H. What lies outside the band from left to right costs nothing.
static void attend_entries(const heed_args *a, const attention_shape *all, int64_t begin, int64_t end) {
  for (int64_t item = begin; item < end; item++) {
    attention_shape p = entry_shape(all, item / all->H);
    int64_t h = item % p.H, kh = h / (p.H / p.Kh);
    forward_memory memory = forward_scratch(&p);
    if (!memory.keys) return;
    float *out = a->t[0];
    int64_t binsOffset = query_offset(&p, p.oBatch, p.oRow, p.H * p.Dv + h * p.more.width);
    head_job j = {&p, memory,
                  (const float *)a->t[2] + query_offset(&p, p.qBatch, p.qRow, h * p.D),
                  (const float *)a->t[3] + key_offset(&p, p.kBatch, p.kRow, kh * p.D),
                  (const float *)a->t[4] + key_offset(&p, p.vBatch, p.vRow, kh * p.Dv),
                  out + query_offset(&p, p.oBatch, p.oRow, h * p.Dv), p.more.bins ? out + binsOffset : NULL, h};
    attend_head(&j, (float *)a->t[1] + lse_offset(&p, h));
  }
}

KERNEL(attention) {
  attention_shape all = read_attention(a, a->t[5], a->t[6]);
  attend_entries(a, &all, begin, end);
}

// The same with scores that are added: after the tensors of `attention` a table or NULL (attention_relative.h) and a
// bias [B, H, T, S] or NULL; after its ints W, first, perQuery, bins. With bins the output has H * W more columns: the
// weights after dropout, summed by distance.
KERNEL(relative_attention) {
  attention_shape all = read_relative(a, a->t[5], a->t[6], a->t[7], a->t[8]);
  attend_entries(a, &all, begin, end);
}
