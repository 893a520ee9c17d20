// Attention with a small network as score (Bahdanau et al. 2014): score = vector . tanh(query + key).
#include "kernel.h"
#include "rows.h"
#include "vmath.h"

typedef struct {
  const float *query, *key, *value, *vector;
  const uint8_t *mask; // of every key, or NULL
  const int32_t *queryStart, *keyStart;
  int64_t sequences, A, E, room, heads, reach; // room for the weights of a query
} additive_job;

// tensors query[queries, A], key[keys, A], value[keys, E], vector[heads, A], mask[keys] or NULL, starts[2, sequences + 1]
// (int32) from tensor `first` on; ints sequences, A, E, room, heads, reach. The sequences of a head stand together; query t
// of a sequence sees its first t + reach keys.
static additive_job job_of(const heed_args *a, int first) {
  void *const *t = a->t + first;
  const int32_t *starts = t[5];
  return (additive_job){t[0], t[1], t[2], t[3], t[4], starts, starts + a->i[0] + 1, a->i[0], a->i[1], a->i[2], a->i[3], a->i[4], a->i[5]};
}

static int64_t head_of(const additive_job *s, int64_t sequence) { return sequence * s->heads / s->sequences; }

static float score_of(const additive_job *s, const float *vector, const float *query, const float *key) {
  vf sum = splat(0);
  FOR_VECTORS(c, s->A, sum += load(vector + c, W) * vtanh(load(query + c, W) + load(key + c, W)););
  return lane_sum(sum);
}

// Softmax over the visible keys; zeros where there is none.
static void weigh(const additive_job *s, int64_t sequence, int64_t row, float *weights) {
  int64_t firstKey = s->keyStart[sequence], keys = s->keyStart[sequence + 1] - firstKey;
  int64_t seen = row - s->queryStart[sequence] + s->reach;
  const float *vector = s->vector + head_of(s, sequence) * s->A, *query = s->query + row * s->A;
  for (int64_t k = 0; k < keys; k++) {
    int hidden = k >= seen || (s->mask && !s->mask[firstKey + k]);
    weights[k] = hidden ? -INFINITY : score_of(s, vector, query, s->key + (firstKey + k) * s->A);
  }
  float most = keys > 0 ? row_max(weights, keys) : -INFINITY;
  vf sum = splat(0);
  if (most != -INFINITY) {
    FOR_VECTORS(k, keys, {
      vf e = vexp(load_or(weights + k, W, -INFINITY) - most);
      store(weights + k, e, W);
      sum += e;
    });
  }
  float factor = most == -INFINITY ? 0 : 1.0f / lane_sum(sum);
  for (int64_t k = 0; k < keys; k++) weights[k] = most == -INFINITY ? 0 : weights[k] * factor;
}

// tensors out[queries, E], weights[queries, room], then as above; items = queries
KERNEL(additive_attention) {
  additive_job s = job_of(a, 2);
  int64_t sequence = 0;
  for (int64_t row = begin; row < end; row++) {
    while (s.queryStart[sequence + 1] <= row) sequence++;
    int64_t firstKey = s.keyStart[sequence], keys = s.keyStart[sequence + 1] - firstKey;
    float *weights = (float *)a->t[1] + row * s.room, *out = (float *)a->t[0] + row * s.E;
    weigh(&s, sequence, row, weights);
    FOR_VECTORS(c, s.E, {
      vf sum = splat(0);
      for (int64_t k = 0; k < keys; k++) sum += weights[k] * load(s.value + (firstKey + k) * s.E + c, W);
      store(out + c, sum, W);
    });
  }
}

typedef struct {
  additive_job forward;
  float *dQuery, *dKey, *dValue, *dVector; // dVector[sequences, A], to be added up
  const float *out, *weights, *grad;
} additive_backward_job;

static void clear(float *to, int64_t n) { FOR_VECTORS(c, n, store(to + c, splat(0), W);); }

static float dot(const float *a, const float *b, int64_t n) {
  vf sum = splat(0);
  FOR_VECTORS(c, n, sum += load(a + c, W) * load(b + c, W););
  return lane_sum(sum);
}

// One query and key: dScore goes through tanh to both, and to the vector.
static void score_backward(const additive_backward_job *s, float dScore, int64_t query, int64_t key,
                           const float *vector, float *dVector) {
  int64_t A = s->forward.A;
  const float *q = s->forward.query + query * A, *k = s->forward.key + key * A;
  float *dQuery = s->dQuery + query * A, *dKey = s->dKey + key * A;
  FOR_VECTORS(c, A, {
    vf u = vtanh(load(q + c, W) + load(k + c, W));
    vf inner = dScore * load(vector + c, W) * (1.0f - u * u);
    store(dQuery + c, load(dQuery + c, W) + inner, W);
    store(dKey + c, load(dKey + c, W) + inner, W);
    store(dVector + c, load(dVector + c, W) + dScore * u, W);
  });
}

static void backward_sequence(void *context, int64_t sequence) {
  const additive_backward_job *s = context;
  const additive_job *f = &s->forward;
  int64_t firstQuery = f->queryStart[sequence], lastQuery = f->queryStart[sequence + 1];
  int64_t firstKey = f->keyStart[sequence], lastKey = f->keyStart[sequence + 1];
  float *dVector = s->dVector + sequence * f->A;
  const float *vector = f->vector + head_of(f, sequence) * f->A;
  clear(s->dQuery + firstQuery * f->A, (lastQuery - firstQuery) * f->A);
  clear(s->dKey + firstKey * f->A, (lastKey - firstKey) * f->A);
  clear(s->dValue + firstKey * f->E, (lastKey - firstKey) * f->E);
  clear(dVector, f->A);
  for (int64_t row = firstQuery; row < lastQuery; row++) {
    const float *grad = s->grad + row * f->E, *weights = s->weights + row * f->room;
    float mean = dot(grad, s->out + row * f->E, f->E); // of the gradients of the weights
    for (int64_t key = firstKey; key < lastKey; key++) {
      float weight = weights[key - firstKey];
      if (weight == 0) continue;
      const float *value = f->value + key * f->E;
      float *dValue = s->dValue + key * f->E;
      FOR_VECTORS(c, f->E, store(dValue + c, load(dValue + c, W) + weight * load(grad + c, W), W););
      score_backward(s, weight * (dot(grad, value, f->E) - mean), row, key, vector, dVector);
    }
  }
}

// tensors dQuery, dKey, dValue, dVector, then as above, then out, weights, grad[queries, E]; ints as above; items = 1
KERNEL(additive_attention_backward) {
  additive_job f = job_of(a, 4);
  float *partial = heed_scratch(HEED_SCRATCH_C, (size_t)(max64(f.sequences, 1) * f.A) * sizeof(float));
  if (!partial) return;
  additive_backward_job s = {f, a->t[0], a->t[1], a->t[2], partial, a->t[10], a->t[11], a->t[12]};
  heed_parallel_for(f.sequences, backward_sequence, &s);
  void *tensors[] = {a->t[3], partial};
  int64_t ints[] = {f.heads, f.sequences / f.heads, f.A};
  HEED_NAME(reduce_sum)(&(heed_args){tensors, ints, NULL}, 0, f.heads);
}
