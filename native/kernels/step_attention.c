// Attention of one query for each row and head to keys and values that lie anywhere in a cache. All heads of a place are
// read before the next place, and what comes some places later is fetched: a cache in main memory is read two to five
// times as fast as head by head.
#include "decoder_step.h"
#include "rows.h"

enum { AHEAD_NUMBERS = 1 << 11 };

typedef struct {
  const step_attention *s;
  int64_t perTask; // heads of one row or of several
} attention_job;

// The keys or the values of a group of heads: `width` numbers at each place.
typedef struct {
  const float *at;
  const int64_t *places;
  int64_t count, row, width; // row: what is between a place and the next one
  int64_t ahead;             // places from one that is read to the one that is fetched
} cached;

// Heads of one row that are beside each other.
typedef struct {
  const float *query;
  float *out;
  int64_t heads, keyWidth, valueWidth; // of each head
  cached keys, values;
} head_group;

static const float *at_place(const cached *c, int64_t n) { return c->at + c->places[n] * c->row; }

// Fetches what is read some places after place n: of `now`, or of what is read after it.
ALWAYS_INLINE void fetch_ahead(const cached *now, const cached *next, int64_t n) {
  n += now->ahead;
  const cached *from = n < now->count ? now : next;
  if (from == next) n -= now->count;
  if (n < from->count) fetch_lines(at_place(from, n), from->width);
}

// scores[i * stride] = scale query · key of `some` (a constant) heads
ALWAYS_INLINE void score_some(int some, float *scores, int64_t stride, const float *query, const float *key, int64_t width,
                              float scale) {
  vf sums[4] = {splat(0), splat(0), splat(0), splat(0)};
  UNROLL for (int i = 0; i < some; i++) {
    FOR_VECTORS(c, width, sums[i] += load(query + i * width + c, W) * load(key + i * width + c, W););
  }
  if (some == 4) {
    v4 four = lane_sums(sums[0], sums[1], sums[2], sums[3]);
    UNROLL for (int i = 0; i < 4; i++) scores[i * stride] = four[i] * scale;
  } else {
    scores[0] = lane_sum(sums[0]) * scale;
  }
}

// scores[h * stride + n] = scale query · key of head h at place n
static void score(const head_group *g, float *scores, int64_t stride, float scale) {
  int64_t width = g->keyWidth;
  for (int64_t n = 0; n < g->keys.count; n++) {
    const float *key = at_place(&g->keys, n);
    fetch_ahead(&g->keys, &g->values, n);
    int64_t h = 0;
    for (; h + 4 <= g->heads; h += 4) {
      score_some(4, scores + h * stride + n, stride, g->query + h * width, key + h * width, width, scale);
    }
    for (; h < g->heads; h++) {
      score_some(1, scores + h * stride + n, stride, g->query + h * width, key + h * width, width, scale);
    }
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

// out += weights[h * stride + n] value of head h, over all places n
static void add_values(const head_group *g, const float *weights, int64_t stride, const cached *next) {
  for (int64_t n = 0; n < g->values.count; n++) {
    const float *value = at_place(&g->values, n);
    fetch_ahead(&g->values, next, n);
    for (int64_t h = 0; h < g->heads; h++) {
      vf weight = splat(weights[h * stride + n]);
      const float *from = value + h * g->valueWidth;
      float *to = g->out + h * g->valueWidth;
      FOR_VECTORS(c, g->valueWidth, store(to + c, load(to + c, W) + weight * load(from + c, W), W););
    }
  }
}

// out = softmax(scores) values, and 0 for a row that sees nothing. A row of scores has room for one number more, which
// becomes 1 / their sum.
static void attend(const head_group *g, float *scores, int64_t stride, float scale, const cached *next) {
  int64_t count = g->keys.count;
  score(g, scores, stride, scale);
  for (int64_t h = 0; h < g->heads; h++) scores[h * stride + count] = count == 0 ? 0 : 1 / weigh(scores + h * stride, count);
  FOR_VECTORS(c, g->values.width, store(g->out + c, splat(0), W););
  add_values(g, scores, stride, next);
  for (int64_t h = 0; h < g->heads; h++) {
    float *out = g->out + h * g->valueWidth, factor = scores[h * stride + count];
    FOR_VECTORS(c, g->valueWidth, store(out + c, load(out + c, W) * factor, W););
  }
}

static cached cached_of(const step_attention *s, int64_t row, int64_t h, int64_t heads, const float *cache, int64_t width) {
  int64_t own = heads * width;
  return (cached){cache + h * width, s->places + row * s->stride, s->counts[row], s->heads * width, own,
                  AHEAD_NUMBERS / max64(own, 1) + 1};
}

// The heads [item, last) of all rows, as far as they are of one.
static head_group group_of(const step_attention *s, int64_t item, int64_t last) {
  int64_t row = item / s->heads, h = item % s->heads, heads = min64(last - item, s->heads - h);
  if (heads <= 0) return (head_group){0};
  return (head_group){s->query + item * s->keyWidth, s->out + item * s->valueWidth, heads, s->keyWidth, s->valueWidth,
                      cached_of(s, row, h, heads, s->keys, s->keyWidth), cached_of(s, row, h, heads, s->values, s->valueWidth)};
}

static void attend_items(void *context, int64_t task) {
  const attention_job *job = context;
  const step_attention *s = job->s;
  int64_t stride = s->stride + 1;
  float *scores = heed_scratch(HEED_SCRATCH_C, (size_t)(s->heads * stride) * sizeof(float));
  if (!scores) return;
  int64_t all = s->rows * s->heads, item = task * job->perTask, last = min64(item + job->perTask, all);
  while (item < last) {
    head_group g = group_of(s, item, last);
    item += g.heads;
    head_group next = group_of(s, item, item < last ? last : all); // most often the same thread's
    attend(&g, scores, stride, s->scale, &next.keys);
  }
}

// Whole rows to a task where every thread gets several, equal parts of one where there are few.
void attend_step(const step_attention *s) {
  enum { TASK_PRODUCTS = 1 << 15, ROWS_OF_A_THREAD = 4 };
  int64_t each = max64(1, s->stride * (s->keyWidth + s->valueWidth)), threads = heed_threads();
  int64_t together = s->rows >= ROWS_OF_A_THREAD * threads ? s->heads : ceil_div(s->heads, threads);
  attention_job job = {s, ceil_div(max64(1, TASK_PRODUCTS / each), together) * together};
  heed_parallel_for(ceil_div(s->rows * s->heads, job.perTask), attend_items, &job);
}
