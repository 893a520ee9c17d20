// Attention with a small network as score (Bahdanau et al. 2014): score = vector . tanh(query + key).
#include "dropout.h"
#include "kernel.h"
#include "rows.h"
#include "vmath.h"

typedef struct {
  const float *query, *key, *value, *vector;
  const uint8_t *mask; // of every key, or NULL
  const int32_t *queryStart, *keyStart;
  int64_t sequences, A, E, room, heads, reach; // room for the weights of a query
  int dropping;
  dropout drop; // of the weights, counted in the matrix of all queries with all keys
} additive_job;

// tensors query[queries, A], key[keys, A], value[keys, E], vector[heads, A], mask[keys] or NULL, starts[2, sequences + 1]
// (int32) from tensor `first` on; ints sequences, A, E, room, heads, reach, k0, k1; float p. The sequences of a head stand
// together; query t of a sequence sees its first t + reach keys.
static additive_job job_of(const heed_args *a, int first) {
  void *const *t = a->t + first;
  const int32_t *starts = t[5];
  const int64_t *i = a->i;
  return (additive_job){t[0], t[1], t[2], t[3], t[4], starts, starts + i[0] + 1, i[0], i[1], i[2], i[3], i[4], i[5],
                        a->f[0] > 0, dropout_of(a->f[0], i[6], i[7])};
}

static int64_t head_of(const additive_job *s, int64_t sequence) { return sequence * s->heads / s->sequences; }

// tanh(q + k) = 1 - 2 / (1 + e^2q e^2k): with the exponentials of all queries and keys at hand, a pair of them costs a
// reciprocal. Numbers beyond MOST, whose product could overflow, go through tanh itself.
static const float MOST = 21.5f;

typedef struct {
  const float *query, *key; // [queries, A], [keys, A]: as given, or e^2x
  int isExponential;
} prepared;

static int exponentials(float *to, const float *from, int64_t n) {
  vf most = splat(0);
  FOR_VECTORS(c, n, {
    vf x = load(from + c, W);
    most = vmax(most, absolute(x));
    store(to + c, vexp(x + x), W);
  });
  return lane_max(most) <= MOST;
}

static prepared prepare(const additive_job *s, int64_t query, int64_t queries, int64_t key, int64_t keys, float *memory) {
  prepared p = {s->query + query * s->A, s->key + key * s->A, 0};
  int small = exponentials(memory, p.query, queries * s->A);
  if (!small || !exponentials(memory + queries * s->A, p.key, keys * s->A)) return p;
  return (prepared){memory, memory + queries * s->A, 1};
}

// (1 - tanh(q + k)) / 2
ALWAYS_INLINE vf half_rest(vf q, vf k, int isExponential) {
  if (isExponential) return reciprocal(1.0f + q * k);
  return 0.5f - 0.5f * vtanh(q + k);
}

// The scores of one query and `count` keys in a row: the sum of the vector, less twice what remains of it.
ALWAYS_INLINE void score(float *scores, const float *vector, const float *query, const float *key, int64_t A, int64_t count,
                         int isExponential) {
  vf whole = splat(0);
  FOR_VECTORS(c, A, whole += load(vector + c, W););
  float total = lane_sum(whole);
  for (int64_t k = 0; k < count; k += 4) {
    const float *keys[4];
    vf sums[4];
    UNROLL for (int i = 0; i < 4; i++) {
      keys[i] = key + min64(k + i, count - 1) * A;
      sums[i] = splat(0);
    }
    FOR_VECTORS(c, A, {
      vf v = load(vector + c, W);
      vf q = load(query + c, W);
      UNROLL for (int i = 0; i < 4; i++) sums[i] += v * half_rest(q, load(keys[i] + c, W), isExponential);
    });
    v4 rest = lane_sums(sums[0], sums[1], sums[2], sums[3]);
    for (int i = 0; i < 4 && k + i < count; i++) scores[k + i] = total - 2 * rest[i];
  }
}

static void score_keys(float *scores, const float *vector, const float *query, const float *key, int64_t A, int64_t count,
                       int isExponential) {
  if (isExponential) score(scores, vector, query, key, A, count, 1);
  else score(scores, vector, query, key, A, count, 0);
}

// Softmax over the visible keys; zeros where there is none.
static void soften(float *weights, int64_t keys) {
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

// The weights of query `row`, which stands at `query` as prepared.
static void weigh(const additive_job *s, const prepared *p, const float *query, int64_t sequence, int64_t row,
                  float *weights) {
  int64_t firstKey = s->keyStart[sequence], keys = s->keyStart[sequence + 1] - firstKey;
  int64_t seen = min64(keys, max64(0, row - s->queryStart[sequence] + s->reach));
  score_keys(weights, s->vector + head_of(s, sequence) * s->A, query, p->key, s->A, seen, p->isExponential);
  for (int64_t k = 0; k < keys; k++) {
    if (k >= seen || (s->mask && !s->mask[firstKey + k])) weights[k] = -INFINITY;
  }
  soften(weights, keys);
}

// x after dropout at the places of a query and its keys.
static void drop_row(const additive_job *s, float *out, const float *x, int64_t sequence, int64_t row) {
  int64_t firstKey = s->keyStart[sequence], keys = s->keyStart[sequence + 1] - firstKey;
  uint32_t index = (uint32_t)(row * s->keyStart[s->sequences] + firstKey);
  FOR_VECTORS(k, keys, store(out + k, dropout_apply(&s->drop, load(x + k, W), index + (uint32_t)k), W););
}

static void mix_values(const additive_job *s, int64_t sequence, const float *weights, float *out) {
  int64_t firstKey = s->keyStart[sequence], keys = s->keyStart[sequence + 1] - firstKey;
  FOR_VECTORS(c, s->E, {
    vf sum = splat(0);
    for (int64_t k = 0; k < keys; k++) sum += weights[k] * load(s->value + (firstKey + k) * s->E + c, W);
    store(out + c, sum, W);
  });
}

// tensors out[queries, E], weights[queries, room], then as above; items = queries
KERNEL(additive_attention) {
  additive_job s = job_of(a, 2);
  int64_t sequence = 0;
  for (int64_t row = begin; row < end;) {
    while (s.queryStart[sequence + 1] <= row) sequence++;
    int64_t last = min64(end, s.queryStart[sequence + 1]);
    int64_t firstKey = s.keyStart[sequence], keys = s.keyStart[sequence + 1] - firstKey;
    float *dropped = heed_scratch(HEED_SCRATCH_B, (size_t)(keys + (last - row + keys) * s.A + 1) * sizeof(float));
    if (!dropped) return;
    prepared p = prepare(&s, row, last - row, firstKey, keys, dropped + keys);
    for (int64_t first = row; row < last; row++) {
      float *weights = (float *)a->t[1] + row * s.room;
      weigh(&s, &p, p.query + (row - first) * s.A, sequence, row, weights);
      if (s.dropping) drop_row(&s, dropped, weights, sequence, row);
      mix_values(&s, sequence, s.dropping ? dropped : weights, (float *)a->t[0] + row * s.E);
    }
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

// One query and all its keys: dScores goes through tanh to both, and to the vector. Keys without weight are left out.
ALWAYS_INLINE void scores_backward(const float *dScores, int64_t keys, int64_t A, const float *vector, const float *query,
                                   const float *key, float *dQuery, float *dKey, float *dVector, int isExponential) {
  FOR_VECTORS(c, A, {
    vf q = load(query + c, W), slope = 4.0f * load(vector + c, W), ofQuery = splat(0), ofVector = load(dVector + c, W);
    for (int64_t k = 0; k < keys; k++) {
      if (dScores[k] == 0) continue;
      vf rest = half_rest(q, load(key + k * A + c, W), isExponential);
      vf inner = dScores[k] * slope * (rest - rest * rest);
      ofQuery += inner;
      ofVector += dScores[k] * (1.0f - 2.0f * rest);
      store(dKey + k * A + c, load(dKey + k * A + c, W) + inner, W);
    }
    store(dQuery + c, ofQuery, W);
    store(dVector + c, ofVector, W);
  });
}

// dScores of a query, through dropout and the softmax; its part of dValue on the way. `factors` has room for its keys.
static void weights_backward(const additive_backward_job *s, int64_t sequence, int64_t row, float *dScores, float *factors) {
  const additive_job *f = &s->forward;
  int64_t E = f->E, firstKey = f->keyStart[sequence], keys = f->keyStart[sequence + 1] - firstKey;
  const float *grad = s->grad + row * E, *weights = s->weights + row * f->room;
  float mean = dot(grad, s->out + row * E, E); // of the gradients of the weights
  for (int64_t k = 0; k < keys; k++) factors[k] = 1;
  if (f->dropping) drop_row(f, factors, factors, sequence, row);
  for (int64_t k = 0; k < keys; k++) {
    float weight = weights[k], *dValue = s->dValue + (firstKey + k) * E;
    dScores[k] = 0;
    if (weight == 0) continue;
    float kept = weight * factors[k];
    FOR_VECTORS(c, E, store(dValue + c, load(dValue + c, W) + kept * load(grad + c, W), W););
    dScores[k] = weight * (factors[k] * dot(grad, f->value + (firstKey + k) * E, E) - mean);
  }
}

static void backward_sequence(void *context, int64_t sequence) {
  const additive_backward_job *s = context;
  const additive_job *f = &s->forward;
  int64_t A = f->A, first = f->queryStart[sequence], queries = f->queryStart[sequence + 1] - first;
  int64_t firstKey = f->keyStart[sequence], keys = f->keyStart[sequence + 1] - firstKey;
  float *dScores = heed_scratch(HEED_SCRATCH_B, (size_t)(2 * keys + (queries + keys) * A + 1) * sizeof(float));
  if (!dScores) return;
  float *dVector = s->dVector + sequence * A, *dKey = s->dKey + firstKey * A;
  const float *vector = f->vector + head_of(f, sequence) * A;
  clear(dKey, keys * A);
  clear(s->dValue + firstKey * f->E, keys * f->E);
  clear(dVector, A);
  prepared p = prepare(f, first, queries, firstKey, keys, dScores + 2 * keys);
  for (int64_t t = 0; t < queries; t++) {
    const float *query = p.query + t * A;
    float *dQuery = s->dQuery + (first + t) * A;
    weights_backward(s, sequence, first + t, dScores, dScores + keys);
    if (p.isExponential) scores_backward(dScores, keys, A, vector, query, p.key, dQuery, dKey, dVector, 1);
    else scores_backward(dScores, keys, A, vector, query, p.key, dQuery, dKey, dVector, 0);
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
