// The gradient of attention, which makes the weights again from the log-sum-exp of each row instead of storing them.
#include "attention_rows.h"
#include "kernel.h"
#include "rows.h"

typedef struct {
  float *keys, *values; // [D, blockRow] and [Dv, blockRow], transposed
  float *weights;       // [queryBlock, blockRow] after dropout
  float *scoreGrads;    // [queryBlock, blockRow]
  float *deltas;        // [T] sum of dout * out
} backward_memory;

static backward_memory backward_scratch(const attention_shape *p) {
  size_t block = (size_t)(p->queryBlock * p->blockRow);
  size_t keys = (size_t)(p->D * p->blockRow), values = (size_t)(p->Dv * p->blockRow);
  float *memory = heed_scratch(HEED_SCRATCH_C, (keys + values + 2 * block + (size_t)p->T) * sizeof(float));
  if (!memory) return (backward_memory){0};
  float *weights = memory + keys + values;
  return (backward_memory){memory, memory + keys, weights, weights + block, weights + 2 * block};
}

typedef struct {
  const attention_shape *p;
  backward_memory m;
  const float *q, *k, *v, *out, *dout, *lse; // of this batch entry and head
  float *dq, *dk, *dv;
  float *dtable, *dbias; // NULL, or the whole gradients of added scores
  int64_t h;
} head_job;

// The gradient of the bins of query t, a row of dout; NULL without bins.
static const float *bins_grad(const head_job *j, const float *dout, int64_t t) {
  const attention_shape *p = j->p;
  return p->more.bins ? dout + t * p->oRow + p->H * p->Dv - j->h * p->Dv + j->h * p->more.width : NULL;
}

// Gradients of the added scores from those of the scores [s, s + n) of query t.
static void add_score_gradients(const head_job *j, const float *grads, int64_t t, int64_t s, int64_t n) {
  const attention_shape *p = j->p;
  if (j->dtable) {
    sum_by_distance(j->dtable + table_row(p, j->h, t), grads, table_column(p, t, s), n, p->more.width);
  }
  if (j->dbias) {
    float *bias = j->dbias + bias_offset(p, j->h, t, s);
    FOR_VECTORS(c, n, store(bias + c, load(grads + c, W), W););
  }
}

// Scores become weights w = e^(score - lse), and their gradients ds = w (dw - delta) scale; both see dropout.
static void backward_row(const head_job *j, float *weights, float *grads, int64_t t, int64_t s, int64_t width) {
  const attention_shape *p = j->p;
  index_range seen = j->lse[t] == -INFINITY ? (index_range){0, 0} : visible_keys(p, t, 1, s, width);
  for (int64_t c = 0; c < seen.first; c++) weights[c] = grads[c] = 0;
  for (int64_t c = seen.end; c < width; c++) weights[c] = grads[c] = 0;
  weights += seen.first;
  grads += seen.first;
  int64_t key = s + seen.first, count = seen.end - seen.first;
  int isRelative = count > 0 && (adds_scores(p) || p->more.bins);
  if (isRelative) {
    const float *binned = bins_grad(j, j->dout, t);
    if (binned) add_by_distance(grads, binned, table_column(p, t, key), count, p->more.width);
    add_scores(p, weights, j->h, t, key, count);
  }
  score_gradients(p, weights, grads, count, isRelative ? 1 : p->scale, j->lse[t], j->m.deltas[t],
                  mask_row(p, j->h, t, key), weight_index(p, j->h, t, key));
  if (!isRelative) return;
  add_score_gradients(j, grads, t, key, count);
  scale_row(grads, count, p->scale);
}

// dq += ds k, dk += ds^T q, dv += w^T dout, for one block of queries and keys
static void add_gradients(const head_job *j, int64_t t, int64_t rows, int64_t s, int64_t width) {
  const attention_shape *p = j->p;
  matmul dq = {.M = rows, .N = p->D, .K = width, .A = j->m.scoreGrads, .ai = p->blockRow, .ak = 1,
               .B = j->k + s * p->kRow, .bk = p->kRow, .bj = 1, .C = j->dq + t * p->qRow, .ldc = p->qRow,
               .accumulate = 1};
  matmul dk = {.M = width, .N = p->D, .K = rows, .A = j->m.scoreGrads, .ai = 1, .ak = p->blockRow,
               .B = j->q + t * p->qRow, .bk = p->qRow, .bj = 1, .C = j->dk + s * p->kRow, .ldc = p->kRow,
               .accumulate = 1};
  matmul dv = {.M = width, .N = p->Dv, .K = rows, .A = j->m.weights, .ai = 1, .ak = p->blockRow,
               .B = j->dout + t * p->oRow, .bk = p->oRow, .bj = 1, .C = j->dv + s * p->vRow, .ldc = p->vRow,
               .accumulate = 1};
  matmul_direct(&dq);
  matmul_direct(&dk);
  matmul_direct(&dv);
}

// The keys [s, s + width) are columns of the transposed ones from `column` on.
static void backward_block(const head_job *j, int64_t t, int64_t rows, int64_t s, int64_t width, int64_t column) {
  const attention_shape *p = j->p;
  matmul scores = {.M = rows, .N = width, .K = p->D, .A = j->q + t * p->qRow, .ai = p->qRow, .ak = 1,
                   .B = j->m.keys + column, .bk = p->blockRow, .bj = 1, .C = j->m.weights, .ldc = p->blockRow};
  matmul grads = {.M = rows, .N = width, .K = p->Dv, .A = j->dout + t * p->oRow, .ai = p->oRow, .ak = 1,
                  .B = j->m.values + column, .bk = p->blockRow, .bj = 1, .C = j->m.scoreGrads, .ldc = p->blockRow};
  matmul_direct(&scores);
  matmul_direct(&grads);
  for (int64_t r = 0; r < rows; r++) {
    backward_row(j, j->m.weights + r * p->blockRow, j->m.scoreGrads + r * p->blockRow, t + r, s, width);
  }
  add_gradients(j, t, rows, s, width);
}

static void backward_head(const head_job *j) {
  const attention_shape *p = j->p;
  for (int64_t t = 0; t < p->T; t++) {
    j->m.deltas[t] = dot_row(j->dout + t * p->oRow, j->out + t * p->oRow, p->Dv);
    if (p->more.bins) j->m.deltas[t] += dot_row(bins_grad(j, j->dout, t), bins_grad(j, j->out, t), p->more.width);
  }
  for (int64_t s = 0; s < p->S; s += S_BLOCK) {
    int64_t count = min64(S_BLOCK, p->S - s);
    index_range queries = seeing_queries(p, s, count);
    if (queries.first >= queries.end) continue;
    transpose(j->m.keys, p->blockRow, j->k + s * p->kRow, p->kRow, count, p->D);
    transpose(j->m.values, p->blockRow, j->v + s * p->vRow, p->vRow, count, p->Dv);
    for (int64_t t = queries.first; t < queries.end; t += p->queryBlock) {
      int64_t rows = min64(p->queryBlock, p->T - t);
      index_range seen = visible_keys(p, t, rows, s, count);
      if (seen.end > 0) backward_block(j, t, rows, s + seen.first, seen.end - seen.first, seen.first);
    }
  }
}

// The gradients of added scores of one head, all zero.
static void clear_score_gradients(const head_job *j) {
  const attention_shape *p = j->p;
  int64_t rows = p->more.perQuery ? p->T : 1;
  if (j->dtable) clear_rows(j->dtable + table_row(p, j->h, 0), rows, p->H * p->more.width, p->more.width);
  if (j->dbias) clear_rows(j->dbias + bias_offset(p, j->h, 0, 0), p->T, p->S, p->S);
}

// Which tensors a kernel was given.
typedef struct {
  float *dq, *dk, *dv, *dtable, *dbias;
  const float *q, *k, *v, *out, *lse, *dout;
} backward_tensors;

static void backward_entries(const backward_tensors *x, const attention_shape *all, int64_t begin, int64_t end) {
  int64_t group = all->H / all->Kh;
  for (int64_t item = begin; item < end; item++) {
    attention_shape p = entry_shape(all, item / all->Kh);
    backward_memory memory = backward_scratch(&p);
    if (!memory.keys) return;
    int64_t kh = item % p.Kh;
    int64_t kOffset = key_offset(&p, p.kBatch, p.kRow, kh * p.D), vOffset = key_offset(&p, p.vBatch, p.vRow, kh * p.Dv);
    clear_rows(x->dk + kOffset, p.S, p.kRow, p.D);
    clear_rows(x->dv + vOffset, p.S, p.vRow, p.Dv);
    for (int64_t h = kh * group; h < (kh + 1) * group; h++) {
      int64_t qOffset = query_offset(&p, p.qBatch, p.qRow, h * p.D);
      int64_t oOffset = query_offset(&p, p.oBatch, p.oRow, h * p.Dv);
      clear_rows(x->dq + qOffset, p.T, p.qRow, p.D);
      head_job j = {&p, memory, x->q + qOffset, x->k + kOffset, x->v + vOffset, x->out + oOffset, x->dout + oOffset,
                    x->lse + lse_offset(&p, h), x->dq + qOffset, x->dk + kOffset, x->dv + vOffset,
                    x->dtable, x->dbias, h};
      clear_score_gradients(&j);
      backward_head(&j);
    }
  }
}

// tensors dq, dk, dv, q, k, v, mask or NULL (uint8), segments or NULL (int32), out, lse, dout; ints and floats of
// `attention`; the gradients have the strides of their tensors; items = B * Kh, so that the heads which share a key are
// added up by one task
KERNEL(attention_backward) {
  attention_shape all = read_attention(a, a->t[6], a->t[7]);
  backward_tensors x = {a->t[0], a->t[1], a->t[2], NULL, NULL, a->t[3], a->t[4],
                        a->t[5], a->t[8], a->t[9], a->t[10]};
  backward_entries(&x, &all, begin, end);
}

// tensors of `attention_backward`, then dtable or NULL, dbias or NULL, table or NULL, bias or NULL; ints and floats of
// `relative_attention`
KERNEL(relative_attention_backward) {
  attention_shape all = read_relative(a, a->t[6], a->t[7], a->t[13], a->t[14]);
  backward_tensors x = {a->t[0], a->t[1], a->t[2], a->t[11], a->t[12], a->t[3], a->t[4],
                        a->t[5], a->t[8], a->t[9], a->t[10]};
  backward_entries(&x, &all, begin, end);
}
