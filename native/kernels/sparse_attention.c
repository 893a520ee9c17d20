// Attention of every query to the keys of a list (Zaheer et al., Big Bird, 2020), in blocks with a running softmax.
#include "attention_rows.h"
#include "kernel.h"
#include "rows.h"
#include "sparse.h"

typedef struct {
  const attention_shape *p;
  const float *q, *k, *v; // of this batch entry and head
  float *out, *lse;
  int64_t h;
  float *keys, *scores; // [D, blockRow] and [MAX_QUERY_BLOCK, blockRow]
} sparse_job;

// Turns a row of raw scores into e^(score - largest so far); returns the sum.
static float weigh_pieces(const sparse_job *j, const piece_block *block, float *row, int64_t t, float *max) {
  const attention_shape *p = j->p;
  float sum = 0, largest = *max;
  for (int64_t i = 0; i < block->count; i++) {
    const piece *each = block->items + i;
    index_range seen = visible_keys(p, t, 1, each->key, each->count);
    float *x = row + each->column;
    float here = finish_scores(x + seen.first, seen.end - seen.first, p->scale, mask_row(p, j->h, t, each->key + seen.first));
    largest = here > largest ? here : largest;
    for (int64_t c = 0; c < seen.first; c++) x[c] = -INFINITY;
    for (int64_t c = seen.end; c < each->count; c++) x[c] = -INFINITY;
  }
  float shift = largest == -INFINITY ? 0 : largest;
  const dropout *drop = p->dropping ? &p->drop : NULL;
  for (int64_t i = 0; i < block->count; i++) {
    const piece *each = block->items + i;
    sum += exponentiate(row + each->column, each->count, shift, drop, weight_index(p, j->h, t, each->key));
  }
  *max = largest;
  return sum;
}

static void add_values(const sparse_job *j, const piece_block *block, int64_t t, int64_t rows, int isFirst) {
  const attention_shape *p = j->p;
  for (int64_t i = 0; i < block->count; i++) {
    const piece *each = block->items + i;
    matmul g = {.M = rows, .N = p->Dv, .K = each->count, .A = j->scores + each->column, .ai = p->blockRow, .ak = 1,
                .B = j->v + each->key * p->vRow, .bk = p->vRow, .bj = 1, .C = j->out + t * p->oRow, .ldc = p->oRow,
                .accumulate = !isFirst || i > 0};
    multiply(&g);
  }
}

// The queries [t, t + rows) of a run.
static void attend_queries(const sparse_job *j, const sparse_pattern *n, int64_t run, int64_t t, int64_t rows) {
  const attention_shape *p = j->p;
  float maxima[MAX_QUERY_BLOCK], sums[MAX_QUERY_BLOCK];
  range_cursor at = ranges_of(n, run);
  piece_block block;
  int isFirst = 1;
  for (int64_t r = 0; r < rows; r++) {
    maxima[r] = -INFINITY;
    sums[r] = 0;
  }
  for (next_pieces(p, n, t, rows, &at, &block); block.width > 0; next_pieces(p, n, t, rows, &at, &block)) {
    matmul g = {.M = rows, .K = p->D, .A = j->q + t * p->qRow, .ai = p->qRow, .ak = 1, .C = j->scores, .ldc = p->blockRow};
    multiply_pieces(&block, g, j->k, p->kRow, j->keys);
    for (int64_t r = 0; r < rows; r++) {
      float before = maxima[r];
      float sum = weigh_pieces(j, &block, j->scores + r * p->blockRow, t + r, maxima + r);
      float shrink = join_block(sums + r, sum, before, maxima[r]);
      if (!isFirst && shrink != 1) scale_row(j->out + (t + r) * p->oRow, p->Dv, shrink);
    }
    add_values(j, &block, t, rows, isFirst);
    isFirst = 0;
  }
  for (int64_t r = 0; r < rows; r++) {
    scale_row(j->out + (t + r) * p->oRow, p->Dv, sums[r] == 0 ? 0 : 1 / sums[r]);
    j->lse[t + r] = sums[r] == 0 ? -INFINITY : maxima[r] + logf(sums[r]);
  }
}

// As `attention`, of each query to the keys of its run: tensors out, lse, q, k, v, mask or NULL (uint8), runs (int32
// [2, R + 1]: the first query and the first range of each, and the ends), ranges (int32 [2, M]: first keys and ends);
// ints of `attention`, then R; floats scale, p; items = B * H * R
KERNEL(sparse_attention) {
  attention_shape all = read_attention(a, a->t[5], NULL);
  sparse_pattern n = read_pattern(a->t[6], a->t[7], a->i[24]);
  for (int64_t item = begin; item < end; item++) {
    int64_t run = item % n.runs, head = item / n.runs, h = head % all.H, kh = h / (all.H / all.Kh);
    attention_shape p = entry_shape(&all, head / all.H);
    float *memory = heed_scratch(HEED_SCRATCH_C, (size_t)((p.D + MAX_QUERY_BLOCK) * p.blockRow) * sizeof(float));
    if (!memory) return;
    sparse_job j = {&p,
                    (const float *)a->t[2] + query_offset(&p, p.qBatch, p.qRow, h * p.D),
                    (const float *)a->t[3] + key_offset(&p, p.kBatch, p.kRow, kh * p.D),
                    (const float *)a->t[4] + key_offset(&p, p.vBatch, p.vRow, kh * p.Dv),
                    (float *)a->t[0] + query_offset(&p, p.oBatch, p.oRow, h * p.Dv),
                    (float *)a->t[1] + lse_offset(&p, h), h, memory, memory + p.D * p.blockRow};
    for (int64_t t = n.queries[run]; t < n.queries[run + 1]; t += MAX_QUERY_BLOCK) {
      attend_queries(&j, &n, run, t, min64(MAX_QUERY_BLOCK, n.queries[run + 1] - t));
    }
  }
}
