// Attention of a single query for each sequence, a step of decoding. Its time is that of reading keys and values, so
// they are read row by row with all heads side by side, in one stream: tasks are blocks of keys, whose results are put
// together by their maxima and sums (Dao et al. 2022; as blocks in parallel: Flash-Decoding, 2023).
#include "attention_rows.h"
#include "kernel.h"

enum { KEYS = 64 }; // of a block

typedef struct {
  attention_shape p;
  const float *q, *k, *v;
  float *out, *lse;
  index_range seen; // keys that the query sees
  int64_t blocks;
  float *partial;       // [B, blocks, values of all heads, maxima, sums]
} step_job;

static int64_t partial_size(const attention_shape *p) { return p->H * (p->Dv + 2); }

static float dot(const float *x, const float *y, int64_t n) {
  vf s0 = splat(0), s1 = s0;
  int64_t c = 0;
  for (; c + 2 * VL <= n; c += 2 * VL) {
    s0 += load(x + c, VL) * load(y + c, VL);
    s1 += load(x + c + VL, VL) * load(y + c + VL, VL);
  }
  FOR_VECTORS(k, n - c, s0 += load(x + c + k, W) * load(y + c + k, W););
  return lane_sum(s0 + s1);
}

// scores[H, KEYS] of the keys [first, first + count)
static void score_keys(const step_job *s, int64_t b, int64_t first, int64_t count, float *scores) {
  const attention_shape *p = &s->p;
  const float *q = s->q + b * p->qBatch, *k = s->k + b * p->kBatch + first * p->kRow;
  int64_t group = p->H / p->Kh;
  for (int64_t t = 0; t < count; t++, k += p->kRow) {
    for (int64_t h = 0; h < p->H; h++) scores[h * KEYS + t] = dot(q + h * p->D, k + h / group * p->D, p->D);
  }
}

// sums[H, Dv] of the values, each times its head's weight
static void add_values(const step_job *s, int64_t b, int64_t first, int64_t count, const float *weights, float *sums) {
  const attention_shape *p = &s->p;
  const float *v = s->v + b * p->vBatch + first * p->vRow;
  int64_t group = p->H / p->Kh;
  scale_row(sums, p->H * p->Dv, 0);
  for (int64_t t = 0; t < count; t++, v += p->vRow) {
    for (int64_t h = 0; h < p->H; h++) {
      const float *value = v + h / group * p->Dv;
      float *sum = sums + h * p->Dv, weight = weights[h * KEYS + t];
      FOR_VECTORS(c, p->Dv, store(sum + c, load(sum + c, W) + weight * load(value + c, W), W););
    }
  }
}

static void attend_block(void *context, int64_t task) {
  const step_job *s = context;
  attention_shape p = s->p;
  int64_t b = task / s->blocks, first = s->seen.first + task % s->blocks * KEYS, count = min64(KEYS, s->seen.end - first);
  float *sums = s->partial + task * partial_size(&p), *maxima = sums + p.H * p.Dv, *totals = maxima + p.H;
  float *scores = heed_scratch(HEED_SCRATCH_C, (size_t)(p.H * KEYS) * sizeof(float));
  if (!scores) return;
  p.b = b;
  score_keys(s, b, first, count, scores);
  for (int64_t h = 0; h < p.H; h++) {
    float *row = scores + h * KEYS;
    maxima[h] = finish_scores(row, count, p.scale, mask_row(&p, h, 0, first));
    totals[h] = exponentiate(row, count, maxima[h] == -INFINITY ? 0 : maxima[h], NULL, 0);
  }
  add_values(s, b, first, count, scores, sums);
}

// The blocks of a head together: each counts e^(its maximum - the largest one).
static void join_head(const step_job *s, int64_t b, int64_t h) {
  const attention_shape *p = &s->p;
  int64_t size = partial_size(p), values = p->H * p->Dv;
  const float *part = s->partial + b * s->blocks * size;
  float max = -INFINITY, total = 0, *out = s->out + b * p->oBatch + h * p->Dv;
  for (int64_t k = 0; k < s->blocks; k++) max = part[k * size + values + h] > max ? part[k * size + values + h] : max;
  scale_row(out, p->Dv, 0);
  for (int64_t k = 0; k < s->blocks; k++) {
    const float *block = part + k * size;
    if (block[values + p->H + h] == 0) continue;
    float share = expf(block[values + h] - max);
    total += share * block[values + p->H + h];
    FOR_VECTORS(c, p->Dv, store(out + c, load(out + c, W) + share * load(block + h * p->Dv + c, W), W););
  }
  scale_row(out, p->Dv, total == 0 ? 0 : 1 / total);
  s->lse[b * p->H + h] = total == 0 ? -INFINITY : max + logf(total);
}

// As `attention` for T = 1, without segments and dropout: its tensors, ints and floats; items = 1
KERNEL(attention_step) {
  attention_shape p = read_attention(a, a->t[5], NULL);
  step_job s = {.p = p, .q = a->t[2], .k = a->t[3], .v = a->t[4], .out = a->t[0], .lse = a->t[1]};
  s.seen = visible_keys(&p, 0, 1, 0, p.S);
  int64_t keys = s.seen.end - s.seen.first;
  s.blocks = ceil_div(keys, KEYS);
  s.partial = heed_scratch(HEED_SCRATCH_A, (size_t)(p.B * s.blocks * partial_size(&p) + 1) * sizeof(float));
  if (!s.partial) return;
  int64_t tasks = p.B * s.blocks;
  if (keys * p.H * (p.D + p.Dv) * p.B < 16384) {
    for (int64_t task = 0; task < tasks; task++) attend_block(&s, task);
  } else {
    heed_parallel_for(tasks, attend_block, &s);
  }
  for (int64_t b = 0; b < p.B; b++) {
    for (int64_t h = 0; h < p.H; h++) join_head(&s, b, h);
  }
}
