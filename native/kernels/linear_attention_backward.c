// The gradient of linear attention. With g = dout, n and d of the forward pass, [dn, dd] = dn' = [g / d, -(g out) / d]:
//   dphi(q_t) = S'_t dn'_t, dphi(k_s) = R'_s v'_s, dv_s = R_s^T phi(k_s), R'_s = sum over the queries t that see s of
//   phi(q_t) dn'_t^T. Under the causal rule S' grows from the first chunk on, R' from the last one back.
#include "attention_rows.h"
#include "kernel.h"
#include "linear_attention.h"

typedef struct {
  const attention_shape *p;
  const float *q, *k, *v, *out, *dout, *totals; // of this batch entry and head
  float *dq, *dk, *dv;
  const uint8_t *mask;
  int64_t width;
  float *phiQ, *phiK, *grads, *transposed;  // [CHUNK, D] three times, and [max(D, width), CHUNK]
  float *values, *dsums;                    // v' and dn', [CHUNK, width]
  float *scores;                            // [CHUNK, CHUNK]
  float *state, *stateT;                    // S'^T, or R' and R'^T: [D, width] and [width, D]
} linear_job;

static int take_memory(linear_job *j) {
  int64_t D = j->p->D, w = j->width, both = max64(D, w);
  size_t floats = (size_t)(3 * CHUNK * D + both * CHUNK + 2 * CHUNK * w + CHUNK * CHUNK + 2 * D * w);
  float *memory = heed_scratch(HEED_SCRATCH_C, floats * sizeof(float));
  if (!memory) return 0;
  j->values = memory;
  j->dsums = j->values + CHUNK * w;
  j->state = j->dsums + CHUNK * w;
  j->stateT = j->state + D * w;
  j->scores = j->stateT + D * w;
  j->transposed = j->scores + CHUNK * CHUNK;
  j->phiQ = j->transposed + both * CHUNK;
  j->phiK = j->phiQ + CHUNK * D;
  j->grads = j->phiK + CHUNK * D;
  return 1;
}

static void load_keys(const linear_job *j, int64_t s, int64_t rows) {
  const attention_shape *p = j->p;
  feature_rows(j->phiK, j->k + s * p->kRow, p->kRow, rows, p->D, j->mask ? j->mask + s : NULL);
  value_rows(j->values, j->width, j->v + s * p->vRow, p->vRow, rows, p->Dv);
}

// phi(q) and dn'; 0 where a query saw nothing
static void load_queries(const linear_job *j, int64_t t, int64_t rows) {
  const attention_shape *p = j->p;
  feature_rows(j->phiQ, j->q + t * p->qRow, p->qRow, rows, p->D, NULL);
  for (int64_t r = 0; r < rows; r++) {
    const float *dout = j->dout + (t + r) * p->oRow;
    float total = j->totals[t + r], factor = total == 0 ? 0 : 1 / total, *to = j->dsums + r * j->width;
    FOR_VECTORS(c, p->Dv, store(to + c, load(dout + c, W) * factor, W););
    to[p->Dv] = -factor * dot_row(dout, j->out + (t + r) * p->oRow, p->Dv);
  }
}

// x += grads phi'(x), where phi' = min(phi, 1)
static void add_through_features(float *to, int64_t row, const float *grads, const float *phi, int64_t rows, int64_t D) {
  for (int64_t r = 0; r < rows; r++) {
    FOR_VECTORS(c, D, {
      vf slope = vmin(load(phi + r * D + c, W), splat(1));
      store(to + r * row + c, load(to + r * row + c, W) + load(grads + r * D + c, W) * slope, W);
    });
  }
}

// C[rows, rows] = lower triangle of A B^T; rows of both have K numbers
static void chunk_products(const linear_job *j, const float *A, const float *B, int64_t row, int64_t K, int64_t rows) {
  transpose(j->transposed, CHUNK, B, row, rows, K);
  matmul g = {.M = rows, .N = rows, .K = K, .A = A, .ai = row, .ak = 1, .B = j->transposed, .bk = CHUNK, .bj = 1,
              .C = j->scores, .ldc = CHUNK};
  matmul_direct(&g);
  clear_future(j->scores, rows);
}

// grads[rows, D] (+)= A[rows, Dv + 1] state, of which the rows have D numbers
static void read_state(const linear_job *j, const float *A, const float *state, int64_t rows, int accumulate) {
  matmul g = {.M = rows, .N = j->p->D, .K = j->p->Dv + 1, .A = A, .ai = j->width, .ak = 1,
              .B = state, .bk = j->p->D, .bj = 1, .C = j->grads, .ldc = j->p->D, .accumulate = accumulate};
  matmul_direct(&g);
}

// C[M, N] += A^T B over the rows of a chunk
static void add_outer(float *C, int64_t M, int64_t N, const float *A, int64_t aRow, const float *B, int64_t bRow,
                      int64_t ldc, int64_t rows) {
  matmul g = {.M = M, .N = N, .K = rows, .A = A, .ai = 1, .ak = aRow, .B = B, .bk = bRow, .bj = 1, .C = C, .ldc = ldc,
              .accumulate = 1};
  matmul_direct(&g);
}

// S'^T of all keys, or those before a chunk
static void add_keys(const linear_job *j, int64_t rows) {
  add_outer(j->stateT, j->p->Dv + 1, j->p->D, j->values, j->width, j->phiK, j->p->D, j->p->D, rows);
}

static void query_gradients(const linear_job *j, int causal) {
  const attention_shape *p = j->p;
  clear(j->stateT, p->D * j->width);
  for (int64_t s = 0; s < p->S && !causal; s += CHUNK) {
    int64_t rows = min64(CHUNK, p->S - s);
    load_keys(j, s, rows);
    add_keys(j, rows);
  }
  for (int64_t t = 0; t < p->T; t += CHUNK) {
    int64_t rows = min64(CHUNK, p->T - t);
    load_queries(j, t, rows);
    read_state(j, j->dsums, j->stateT, rows, 0);
    if (causal) {
      load_keys(j, t, rows);
      chunk_products(j, j->dsums, j->values, j->width, p->Dv + 1, rows);
      matmul g = {.M = rows, .N = p->D, .K = rows, .A = j->scores, .ai = CHUNK, .ak = 1, .B = j->phiK, .bk = p->D,
                  .bj = 1, .C = j->grads, .ldc = p->D, .accumulate = 1};
      matmul_direct(&g);
      add_keys(j, rows);
    }
    add_through_features(j->dq + t * p->qRow, p->qRow, j->grads, j->phiQ, rows, p->D);
  }
}

// R' += phi(q)^T dn'
static void add_queries(const linear_job *j, int64_t rows) {
  add_outer(j->state, j->p->D, j->p->Dv + 1, j->phiQ, j->p->D, j->dsums, j->width, j->width, rows);
}

// Gradients of a chunk of keys and values from R' alone; they stay in `grads` until add_through_features.
static void read_queries(const linear_job *j, int64_t s, int64_t rows) {
  const attention_shape *p = j->p;
  transpose(j->stateT, p->D, j->state, j->width, p->D, p->Dv + 1);
  read_state(j, j->values, j->stateT, rows, 0);
  matmul dv = {.M = rows, .N = p->Dv, .K = p->D, .A = j->phiK, .ai = p->D, .ak = 1, .B = j->state, .bk = j->width,
               .bj = 1, .C = j->dv + s * p->vRow, .ldc = p->vRow, .accumulate = 1};
  matmul_direct(&dv);
}

// What the queries of the same chunk add.
static void read_chunk(const linear_job *j, int64_t s, int64_t rows) {
  const attention_shape *p = j->p;
  chunk_products(j, j->dsums, j->values, j->width, p->Dv + 1, rows);
  add_outer(j->grads, rows, p->D, j->scores, CHUNK, j->phiQ, p->D, p->D, rows);
  chunk_products(j, j->phiQ, j->phiK, p->D, p->D, rows);
  add_outer(j->dv + s * p->vRow, rows, p->Dv, j->scores, CHUNK, j->dsums, j->width, p->vRow, rows);
}

static void key_gradients(const linear_job *j, int causal) {
  const attention_shape *p = j->p;
  clear(j->state, p->D * j->width);
  for (int64_t t = 0; t < p->T && !causal; t += CHUNK) {
    int64_t rows = min64(CHUNK, p->T - t);
    load_queries(j, t, rows);
    add_queries(j, rows);
  }
  for (int64_t s = (p->S - 1) / CHUNK * CHUNK; s >= 0 && p->S > 0; s -= CHUNK) {
    int64_t rows = min64(CHUNK, p->S - s);
    load_keys(j, s, rows);
    read_queries(j, s, rows);
    if (causal) {
      load_queries(j, s, rows);
      read_chunk(j, s, rows);
      add_queries(j, rows);
    }
    add_through_features(j->dk + s * p->kRow, p->kRow, j->grads, j->phiK, rows, p->D);
  }
}

// tensors dq, dk, dv, q, k, v, mask or NULL (uint8), segments or NULL (int32), out, totals, dout; ints and floats of
// `attention`; the gradients have the strides of their tensors; items = B * Kh
KERNEL(linear_attention_backward) {
  attention_shape all = read_attention(a, a->t[6], a->t[7]);
  int64_t group = all.H / all.Kh;
  for (int64_t item = begin; item < end; item++) {
    attention_shape p = entry_shape(&all, item / all.Kh);
    int64_t kh = item % p.Kh;
    int64_t kOffset = key_offset(&p, p.kBatch, p.kRow, kh * p.D), vOffset = key_offset(&p, p.vBatch, p.vRow, kh * p.Dv);
    linear_job j = {.p = &p, .width = value_width(&p), .mask = mask_row(&p, 0, 0, 0),
                    .k = (const float *)a->t[4] + kOffset, .v = (const float *)a->t[5] + vOffset,
                    .dk = (float *)a->t[1] + kOffset, .dv = (float *)a->t[2] + vOffset};
    if (!take_memory(&j)) return;
    clear_rows(j.dk, p.S, p.kRow, p.D);
    clear_rows(j.dv, p.S, p.vRow, p.Dv);
    for (int64_t h = kh * group; h < (kh + 1) * group; h++) {
      int64_t qOffset = query_offset(&p, p.qBatch, p.qRow, h * p.D), oOffset = query_offset(&p, p.oBatch, p.oRow, h * p.Dv);
      j.q = (const float *)a->t[3] + qOffset;
      j.dq = (float *)a->t[0] + qOffset;
      j.out = (const float *)a->t[8] + oOffset;
      j.dout = (const float *)a->t[10] + oOffset;
      j.totals = (const float *)a->t[9] + lse_offset(&p, h);
      clear_rows(j.dq, p.T, p.qRow, p.D);
      query_gradients(&j, a->i[15] != 0);
      key_gradients(&j, a->i[15] != 0);
    }
  }
}
