// Linear attention, forward: in parallel, causal in chunks, and as a recurrent network whose state is S'.
#include "kernel.h"
#include "linear_attention.h"

typedef struct {
  const attention_shape *p;
  const float *q, *k, *v; // of this batch entry and head
  float *out, *totals;    // totals[T] the divisors d
  const uint8_t *mask;    // of the keys, or NULL
  int64_t width;          // of a row of v'
  float *phiQ, *phiK, *phiKT; // [CHUNK, D] twice and [D, CHUNK]
  float *values, *sums, *scores; // v' and [n, d], [CHUNK, width] each; [CHUNK, CHUNK]
  float *state;           // S', [D, width]
} linear_job;

static int take_memory(linear_job *j) {
  int64_t D = j->p->D, w = j->width;
  float *memory = heed_scratch(HEED_SCRATCH_C, (size_t)(3 * CHUNK * D + 2 * CHUNK * w + CHUNK * CHUNK + D * w) * sizeof(float));
  if (!memory) return 0;
  j->values = memory;
  j->sums = j->values + CHUNK * w;
  j->state = j->sums + CHUNK * w;
  j->scores = j->state + D * w;
  j->phiQ = j->scores + CHUNK * CHUNK;
  j->phiK = j->phiQ + CHUNK * D;
  j->phiKT = j->phiK + CHUNK * D;
  return 1;
}

static void load_keys(const linear_job *j, int64_t s, int64_t rows) {
  const attention_shape *p = j->p;
  feature_rows(j->phiK, j->k + s * p->kRow, p->kRow, rows, p->D, j->mask ? j->mask + s : NULL);
  value_rows(j->values, j->width, j->v + s * p->vRow, p->vRow, rows, p->Dv);
}

// S' += phi(k)^T v'
static void add_keys(const linear_job *j, int64_t rows) {
  matmul g = {.M = j->p->D, .N = j->p->Dv + 1, .K = rows, .A = j->phiK, .ai = 1, .ak = j->p->D,
              .B = j->values, .bk = j->width, .bj = 1, .C = j->state, .ldc = j->width, .accumulate = 1};
  matmul_direct(&g);
}

// [n, d] of the queries in phiQ (+)= phi(q) S'
static void read_state(const linear_job *j, int64_t rows, int accumulate) {
  matmul g = {.M = rows, .N = j->p->Dv + 1, .K = j->p->D, .A = j->phiQ, .ai = j->p->D, .ak = 1,
              .B = j->state, .bk = j->width, .bj = 1, .C = j->sums, .ldc = j->width, .accumulate = accumulate};
  matmul_direct(&g);
}

// [n, d] = lower triangle of phi(q) phi(k)^T, times v'
static void read_chunk(const linear_job *j, int64_t rows) {
  int64_t D = j->p->D;
  transpose(j->phiKT, CHUNK, j->phiK, D, rows, D);
  matmul scores = {.M = rows, .N = rows, .K = D, .A = j->phiQ, .ai = D, .ak = 1, .B = j->phiKT, .bk = CHUNK, .bj = 1,
                   .C = j->scores, .ldc = CHUNK};
  matmul sums = {.M = rows, .N = j->p->Dv + 1, .K = rows, .A = j->scores, .ai = CHUNK, .ak = 1,
                 .B = j->values, .bk = j->width, .bj = 1, .C = j->sums, .ldc = j->width};
  matmul_direct(&scores);
  clear_future(j->scores, rows);
  matmul_direct(&sums);
}

// out = n / d; a query that sees nothing gets 0
static void write_rows(const linear_job *j, int64_t t, int64_t rows) {
  const attention_shape *p = j->p;
  for (int64_t r = 0; r < rows; r++) {
    const float *sums = j->sums + r * j->width;
    float *out = j->out + (t + r) * p->oRow, total = sums[p->Dv], factor = total == 0 ? 0 : 1 / total;
    FOR_VECTORS(c, p->Dv, store(out + c, load(sums + c, W) * factor, W););
    j->totals[t + r] = total;
  }
}

static void attend_head(const linear_job *j, int causal) {
  const attention_shape *p = j->p;
  clear(j->state, p->D * j->width);
  for (int64_t s = 0; s < p->S && !causal; s += CHUNK) {
    int64_t rows = min64(CHUNK, p->S - s);
    load_keys(j, s, rows);
    add_keys(j, rows);
  }
  for (int64_t t = 0; t < p->T; t += CHUNK) {
    int64_t rows = min64(CHUNK, p->T - t);
    feature_rows(j->phiQ, j->q + t * p->qRow, p->qRow, rows, p->D, NULL);
    if (causal) {
      load_keys(j, t, rows);
      read_chunk(j, rows);
    }
    read_state(j, rows, causal);
    write_rows(j, t, rows);
    if (causal) add_keys(j, rows);
  }
}

// tensors out, totals (float [B, H, T], the divisors), q, k, v, mask or NULL (uint8 [B|1, 1, 1, S]), segments or NULL
// (int32); ints and floats of `attention`; causal needs as many keys as queries; items = B * H
KERNEL(linear_attention) {
  attention_shape all = read_attention(a, a->t[5], a->t[6]);
  for (int64_t item = begin; item < end; item++) {
    attention_shape p = entry_shape(&all, item / all.H);
    int64_t h = item % p.H, kh = h / (p.H / p.Kh);
    linear_job j = {.p = &p, .width = value_width(&p), .mask = mask_row(&p, 0, 0, 0),
                    .q = (const float *)a->t[2] + query_offset(&p, p.qBatch, p.qRow, h * p.D),
                    .k = (const float *)a->t[3] + key_offset(&p, p.kBatch, p.kRow, kh * p.D),
                    .v = (const float *)a->t[4] + key_offset(&p, p.vBatch, p.vRow, kh * p.Dv),
                    .out = (float *)a->t[0] + query_offset(&p, p.oBatch, p.oRow, h * p.Dv),
                    .totals = (float *)a->t[1] + lse_offset(&p, h)};
    if (!take_memory(&j)) return;
    attend_head(&j, a->i[15] != 0);
  }
}

// The recurrent form, token by token: S' += phi(k) v'^T, out = n / d with [n, d] = phi(q) S'.
// tensors out, state (float [B, Kh, D, Dv + 1], changed in place), q, k, v; ints of `attention` (S = T); items = B * Kh
KERNEL(linear_attention_step) {
  attention_shape p = read_attention(a, NULL, NULL);
  int64_t group = p.H / p.Kh, width = p.Dv + 1;
  for (int64_t item = begin; item < end; item++) {
    int64_t b = item / p.Kh, kh = item % p.Kh;
    float *memory = heed_scratch(HEED_SCRATCH_C, (size_t)(p.D + 2 * value_width(&p)) * sizeof(float));
    if (!memory) return;
    float *phi = memory, *value = phi + p.D, *sums = value + value_width(&p);
    float *state = (float *)a->t[1] + item * p.D * width;
    for (int64_t t = 0; t < p.T; t++) {
      feature_rows(phi, (const float *)a->t[3] + b * p.kBatch + t * p.kRow + kh * p.D, p.kRow, 1, p.D, NULL);
      value_rows(value, width, (const float *)a->t[4] + b * p.vBatch + t * p.vRow + kh * p.Dv, p.vRow, 1, p.Dv);
      for (int64_t d = 0; d < p.D; d++) {
        float *row = state + d * width;
        FOR_VECTORS(c, width, store(row + c, load(row + c, W) + phi[d] * load(value + c, W), W););
      }
      for (int64_t h = kh * group; h < (kh + 1) * group; h++) {
        feature_rows(phi, (const float *)a->t[2] + b * p.qBatch + t * p.qRow + h * p.D, p.qRow, 1, p.D, NULL);
        clear(sums, width);
        for (int64_t d = 0; d < p.D; d++) {
          FOR_VECTORS(c, width, store(sums + c, load(sums + c, W) + phi[d] * load(state + d * width + c, W), W););
        }
        float *out = (float *)a->t[0] + b * p.oBatch + t * p.oRow + h * p.Dv, factor = sums[p.Dv] == 0 ? 0 : 1 / sums[p.Dv];
        FOR_VECTORS(c, p.Dv, store(out + c, load(sums + c, W) * factor, W););
      }
    }
  }
}
