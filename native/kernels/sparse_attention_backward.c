// The gradient of attention over lists of keys; the weights are made again from the log-sum-exp of each row.
#include "attention_rows.h"
#include "kernel.h"
#include "rows.h"
#include "sparse.h"

typedef struct {
  const attention_shape *p;
  const float *q, *k, *v, *out, *dout, *lse; // of this batch entry and head
  float *dq, *dk, *dv;
  int64_t h;
  float *transposed, *weights, *grads; // [max(D, Dv), blockRow], and [MAX_QUERY_BLOCK, blockRow] twice
} gradient_job;

static void backward_row(const gradient_job *j, const piece_block *block, int64_t t, int64_t r, float delta) {
  const attention_shape *p = j->p;
  for (int64_t i = 0; i < block->count; i++) {
    const piece *each = block->items + i;
    index_range seen = visible_keys(p, t, 1, each->key, each->count);
    if (j->lse[t] == -INFINITY) seen = (index_range){0, 0};
    float *weights = j->weights + r * p->blockRow + each->column, *grads = j->grads + r * p->blockRow + each->column;
    int64_t key = each->key + seen.first;
    for (int64_t c = 0; c < seen.first; c++) weights[c] = grads[c] = 0;
    for (int64_t c = seen.end; c < each->count; c++) weights[c] = grads[c] = 0;
    score_gradients(p, weights + seen.first, grads + seen.first, seen.end - seen.first, p->scale, j->lse[t], delta,
                    mask_row(p, j->h, t, key), weight_index(p, j->h, t, key));
  }
}

// dq += ds k, dk += ds^T q, dv += w^T dout, piece by piece
static void add_gradients(const gradient_job *j, const piece_block *block, int64_t t, int64_t rows) {
  const attention_shape *p = j->p;
  for (int64_t i = 0; i < block->count; i++) {
    const piece *each = block->items + i;
    matmul dq = {.M = rows, .N = p->D, .K = each->count, .A = j->grads + each->column, .ai = p->blockRow, .ak = 1,
                 .B = j->k + each->key * p->kRow, .bk = p->kRow, .bj = 1, .C = j->dq + t * p->qRow, .ldc = p->qRow,
                 .accumulate = 1};
    matmul dk = {.M = each->count, .N = p->D, .K = rows, .A = j->grads + each->column, .ai = 1, .ak = p->blockRow,
                 .B = j->q + t * p->qRow, .bk = p->qRow, .bj = 1, .C = j->dk + each->key * p->kRow, .ldc = p->kRow,
                 .accumulate = 1};
    matmul dv = {.M = each->count, .N = p->Dv, .K = rows, .A = j->weights + each->column, .ai = 1, .ak = p->blockRow,
                 .B = j->dout + t * p->oRow, .bk = p->oRow, .bj = 1, .C = j->dv + each->key * p->vRow, .ldc = p->vRow,
                 .accumulate = 1};
    multiply(&dq);
    multiply(&dk);
    multiply(&dv);
  }
}

// The queries [t, t + rows) of a run.
static void backward_queries(const gradient_job *j, const sparse_pattern *n, int64_t run, int64_t t, int64_t rows) {
  const attention_shape *p = j->p;
  range_cursor at = ranges_of(n, run);
  piece_block block;
  for (next_pieces(p, n, t, rows, &at, &block); block.width > 0; next_pieces(p, n, t, rows, &at, &block)) {
    matmul scores = {.M = rows, .K = p->D, .A = j->q + t * p->qRow, .ai = p->qRow, .ak = 1, .C = j->weights, .ldc = p->blockRow};
    matmul grads = {.M = rows, .K = p->Dv, .A = j->dout + t * p->oRow, .ai = p->oRow, .ak = 1, .C = j->grads, .ldc = p->blockRow};
    multiply_pieces(&block, scores, j->k, p->kRow, j->transposed);
    multiply_pieces(&block, grads, j->v, p->vRow, j->transposed);
    for (int64_t r = 0; r < rows; r++) {
      backward_row(j, &block, t + r, r, dot_row(j->dout + (t + r) * p->oRow, j->out + (t + r) * p->oRow, p->Dv));
    }
    add_gradients(j, &block, t, rows);
  }
}

// tensors dq, dk, dv, q, k, v, mask or NULL (uint8), runs, ranges (int32), out, lse, dout; ints and floats of
// `sparse_attention`; the gradients have the strides of their tensors; items = B * Kh
KERNEL(sparse_attention_backward) {
  attention_shape all = read_attention(a, a->t[6], NULL);
  sparse_pattern n = read_pattern(a->t[7], a->t[8], a->i[24]);
  int64_t group = all.H / all.Kh;
  for (int64_t item = begin; item < end; item++) {
    attention_shape p = entry_shape(&all, item / all.Kh);
    int64_t kh = item % p.Kh, rows = max64(p.D, p.Dv);
    float *memory = heed_scratch(HEED_SCRATCH_C, (size_t)((rows + 2 * MAX_QUERY_BLOCK) * p.blockRow) * sizeof(float));
    if (!memory) return;
    float *weights = memory + rows * p.blockRow, *grads = weights + MAX_QUERY_BLOCK * p.blockRow;
    int64_t kOffset = key_offset(&p, p.kBatch, p.kRow, kh * p.D), vOffset = key_offset(&p, p.vBatch, p.vRow, kh * p.Dv);
    float *dk = (float *)a->t[1] + kOffset, *dv = (float *)a->t[2] + vOffset;
    clear_rows(dk, p.S, p.kRow, p.D);
    clear_rows(dv, p.S, p.vRow, p.Dv);
    for (int64_t h = kh * group; h < (kh + 1) * group; h++) {
      int64_t qOffset = query_offset(&p, p.qBatch, p.qRow, h * p.D);
      int64_t oOffset = query_offset(&p, p.oBatch, p.oRow, h * p.Dv);
      float *dq = (float *)a->t[0] + qOffset;
      clear_rows(dq, p.T, p.qRow, p.D);
      gradient_job j = {&p, (const float *)a->t[3] + qOffset, (const float *)a->t[4] + kOffset,
                        (const float *)a->t[5] + vOffset, (const float *)a->t[9] + oOffset,
                        (const float *)a->t[11] + oOffset, (const float *)a->t[10] + lse_offset(&p, h), dq, dk, dv, h,
                        memory, weights, grads};
      for (int64_t run = 0; run < n.runs; run++) {
        for (int64_t t = n.queries[run]; t < n.queries[run + 1]; t += MAX_QUERY_BLOCK) {
          backward_queries(&j, &n, run, t, min64(MAX_QUERY_BLOCK, n.queries[run + 1] - t));
        }
      }
    }
  }
}
