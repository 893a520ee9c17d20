// Attention of one query for each row and head to keys and values that lie anywhere in a cache.
#include "decoder_step.h"
#include "rows.h"

// scores[n] = scale query · key of place n
static void score(float *scores, const float *query, const float *keys, const int64_t *places, int64_t count,
                  int64_t row, int64_t width, float scale) {
  int64_t n = 0;
  for (; n + 4 <= count; n += 4) {
    const float *k[4];
    vf sums[4];
    UNROLL for (int i = 0; i < 4; i++) {
      k[i] = keys + places[n + i] * row;
      sums[i] = splat(0);
    }
    FOR_VECTORS(c, width, {
      vf q = load(query + c, W);
      UNROLL for (int i = 0; i < 4; i++) sums[i] += q * load(k[i] + c, W);
    });
    v4 four = lane_sums(sums[0], sums[1], sums[2], sums[3]);
    UNROLL for (int i = 0; i < 4; i++) scores[n + i] = four[i] * scale;
  }
  for (; n < count; n++) {
    const float *key = keys + places[n] * row;
    vf sum = splat(0);
    FOR_VECTORS(c, width, sum += load(query + c, W) * load(key + c, W););
    scores[n] = lane_sum(sum) * scale;
  }
}

// Turns scores into e^(score - largest); returns their sum.
static float weigh(float *scores, int64_t count) {
  float largest = row_max(scores, count);
  vf sum = splat(0);
  FOR_VECTORS(n, count, {
    vf e = vexp(load_or(scores + n, W, -INFINITY) - largest);
    store(scores + n, e, W);
    sum += e;
  });
  return lane_sum(sum);
}

// out = sum over n of weights[n] value of place n, / total, for `vectors` (a constant) of its vectors, the last of w lanes
ALWAYS_INLINE void average_vectors(int vectors, int w, float *out, const float *weights, float factor, const float *values,
                                   const int64_t *places, int64_t count, int64_t row) {
  vf sums[4];
  UNROLL for (int v = 0; v < vectors; v++) sums[v] = splat(0);
  for (int64_t n = 0; n < count; n++) {
    const float *value = values + places[n] * row;
    UNROLL for (int v = 0; v < vectors; v++) sums[v] += weights[n] * load(value + v * VL, v == vectors - 1 ? w : VL);
  }
  UNROLL for (int v = 0; v < vectors; v++) store(out + v * VL, sums[v] * factor, v == vectors - 1 ? w : VL);
}

static void average(float *out, const float *weights, float total, const float *values, const int64_t *places,
                    int64_t count, int64_t row, int64_t width) {
  float factor = count == 0 ? 0 : 1 / total;
  int64_t c = 0;
  for (; c + 4 * VL <= width; c += 4 * VL) average_vectors(4, VL, out + c, weights, factor, values + c, places, count, row);
  for (; c < width; c += VL) {
    average_vectors(1, (int)min64(VL, width - c), out + c, weights, factor, values + c, places, count, row);
  }
}

typedef struct {
  const step_attention *s;
  int64_t perTask;
} attention_job;

static void attend_items(void *context, int64_t task) {
  const attention_job *job = context;
  const step_attention *s = job->s;
  int64_t keyRow = s->heads * s->keyWidth, valueRow = s->heads * s->valueWidth;
  float *scores = heed_scratch(HEED_SCRATCH_C, (size_t)(s->stride + VL) * sizeof(float));
  if (!scores) return;
  int64_t last = min64((task + 1) * job->perTask, s->rows * s->heads);
  for (int64_t item = task * job->perTask; item < last; item++) {
    int64_t r = item / s->heads, h = item % s->heads, count = s->counts[r];
    const int64_t *places = s->places + r * s->stride;
    score(scores, s->query + r * keyRow + h * s->keyWidth, s->keys + h * s->keyWidth, places, count, keyRow,
          s->keyWidth, s->scale);
    float total = count == 0 ? 1 : weigh(scores, count);
    average(s->out + r * valueRow + h * s->valueWidth, scores, total, s->values + h * s->valueWidth, places, count,
            valueRow, s->valueWidth);
  }
}

void attend_step(const step_attention *s) {
  enum { TASK_PRODUCTS = 1 << 15 };
  int64_t each = max64(1, s->stride * (s->keyWidth + s->valueWidth));
  attention_job job = {s, max64(1, TASK_PRODUCTS / each)};
  heed_parallel_for(ceil_div(s->rows * s->heads, job.perTask), attend_items, &job);
}
