// One step of a Transformer's decoder for many unfinished texts, in one launch: embedding, every layer, the output
// projection and its best tokens. A text is one row; what it remembers stands in caches that are never copied: `slots`
// says in which row of the self-attention cache each of its earlier tokens was written, `sources` which entry of the
// cross-attention cache is its own, so that beams that split or texts that leave only change these numbers.
#include "decoder_step.h"

// ints, floats and the first tensors, in the order of the launch
enum { ROWS, WIDTH, HEADS, KEY_WIDTH, VALUE_WIDTH, HIDDEN, LAYERS, ROOM, SOURCES, PLACE, VOCAB, BEST, ACTIVATION, PRE_NORM,
       PANELS, HALVES, BITS, GATED };
enum { EPS, SCALE, EMBEDDING_SCALE };
enum { OUT_TOKENS, OUT_SCORES, TOKENS, WANTED, EMBEDDING, POSITION, SLOTS, SOURCE_OF, MASK, FORBIDDEN, ROTATION,
       PROJECTION, PROJECTION_SCALES, FINAL_GAIN, FINAL_BIAS, FIRST_LAYER };

typedef struct {
  const heed_args *a;
  float *x, *y, *query, *context, *hidden, *gated; // [rows, …]
  int64_t *places; // [rows, room or sources]: rows of a cache that a text attends to
  int64_t *counts; // [rows]
} step;

static int64_t size(const step *s, int which) { return s->a->i[which]; }

// Rows that are a multiple of a kilobyte apart share few places of a cache: rows of the wide hidden layer stand a line
// further apart, where their numbers are not made codes first.
static int64_t hidden_stride(const step *s) { return size(s, HIDDEN) + (size(s, BITS) ? 0 : 16); }

static step_input input_of(const step *s, const float *x, int64_t K) {
  int64_t stride = x == s->hidden ? hidden_stride(s) : K;
  return (step_input){.x = x, .rows = size(s, ROWS), .K = K, .stride = stride, .panels = (int)size(s, PANELS),
                      .bits = (int)size(s, BITS)};
}

// By mean and deviation; by the root mean square where the norm has no bias.
static void normalise(const step *s, float *y, const float *x, const float *gain, const float *bias) {
  float *statistics = s->hidden; // not in use between sublayers
  int64_t rows = size(s, ROWS), ints[] = {size(s, WIDTH)};
  void *both[] = {y, statistics, statistics + rows, (void *)x, (void *)gain, (void *)bias};
  void *one[] = {y, statistics, (void *)x, (void *)gain};
  heed_args a = {bias ? both : one, ints, s->a->f + EPS};
  if (bias) HEED_NAME(layer_norm)(&a, 0, rows);
  else HEED_NAME(rms_norm)(&a, 0, rows);
}

// x = scale * embedding of the token + its position
static void embed(const step *s) {
  int64_t C = size(s, WIDTH);
  const int32_t *tokens = s->a->t[TOKENS];
  const float *position = s->a->t[POSITION] ? (const float *)s->a->t[POSITION] + size(s, PLACE) * C : NULL;
  float factor = (float)s->a->f[EMBEDDING_SCALE];
  for (int64_t row = 0; row < size(s, ROWS); row++) {
    const float *vector = (const float *)s->a->t[EMBEDDING] + tokens[row] * C;
    FOR_VECTORS(c, C, {
      vf v = load(vector + c, W) * factor;
      if (position) v += load(position + c, W);
      store(s->x + row * C + c, v, W);
    });
  }
}

// What a text attends to in its own past, this step included.
static void find_own_places(const step *s) {
  const int32_t *slots = s->a->t[SLOTS];
  int64_t room = size(s, ROOM), seen = size(s, PLACE) + 1;
  for (int64_t row = 0; row < size(s, ROWS); row++) {
    s->counts[row] = seen;
    for (int64_t t = 0; t < seen; t++) s->places[row * seen + t] = slots[row * room + t] * room + t;
  }
}

// What a text attends to in its source: the tokens that the mask shows.
static void find_source_places(const step *s) {
  const int32_t *sourceOf = s->a->t[SOURCE_OF];
  const uint8_t *mask = s->a->t[MASK];
  int64_t S = size(s, SOURCES);
  for (int64_t row = 0; row < size(s, ROWS); row++) {
    int64_t count = 0, first = sourceOf[row] * S;
    for (int64_t t = 0; t < S; t++) {
      if (!mask || mask[first + t]) s->places[row * S + count++] = first + t;
    }
    s->counts[row] = count;
  }
}

static void attend_to(const step *s, const float *keys, const float *values, int64_t stride) {
  step_attention job = {.query = s->query, .keys = keys, .values = values, .out = s->context, .places = s->places,
                        .counts = s->counts, .rows = size(s, ROWS), .heads = size(s, HEADS), .stride = stride,
                        .keyWidth = size(s, KEY_WIDTH), .valueWidth = size(s, VALUE_WIDTH), .scale = (float)s->a->f[SCALE]};
  attend_step(&job);
}

// Turns the heads of one row by the angle of this place, where positions are rotary.
static void turn_row(const step *s, float *x) {
  if (!s->a->t[ROTATION]) return;
  int64_t ints[] = {1, size(s, HEADS), size(s, KEY_WIDTH), size(s, PLACE), 0, size(s, HALVES), 0};
  void *tensors[] = {x, x, s->a->t[ROTATION], NULL};
  HEED_NAME(rotary)(&(heed_args){tensors, ints, NULL}, 0, 1);
}

static step_product product_of(affine w, float *y, int64_t N, int64_t stride) {
  return (step_product){.weight = w.weight, .bias = w.bias, .scales = w.scales, .y = y, .N = N, .stride = stride};
}

// Keys and values of this step go where slots says: row r into row r of the cache.
static void project_own(const step *s, const decoder_layer *l, const float *x) {
  int64_t C = size(s, WIDTH), room = size(s, ROOM), place = size(s, PLACE);
  int64_t keys = size(s, HEADS) * size(s, KEY_WIDTH), values = size(s, HEADS) * size(s, VALUE_WIDTH);
  step_product parts[] = {product_of(l->query, s->query, keys, keys),
                          product_of(l->key, l->keys + place * keys, keys, room * keys),
                          product_of(l->value, l->values + place * values, values, room * values)};
  step_input in = input_of(s, x, C);
  multiply_step(&in, parts, 3);
  for (int64_t row = 0; row < size(s, ROWS); row++) {
    turn_row(s, s->query + row * keys);
    turn_row(s, parts[1].y + row * parts[1].stride);
  }
}

static void project(const step *s, const float *x, int64_t K, affine w, float *y, int64_t N, int add, int activation) {
  step_product part = product_of(w, y, N, y == s->hidden ? hidden_stride(s) : N);
  part.add = add;
  part.activation = activation;
  step_input in = input_of(s, x, K);
  multiply_step(&in, &part, 1);
}

// The input of a sublayer: x, normalised where the norm comes before.
static const float *enter(const step *s, const float *const norm[2]) {
  if (!size(s, PRE_NORM)) return s->x;
  normalise(s, s->y, s->x, norm[0], norm[1]);
  return s->y;
}

// Its end: what it gave has been added to x.
static void leave(const step *s, const float *const norm[2]) {
  if (!size(s, PRE_NORM)) normalise(s, s->x, s->x, norm[0], norm[1]);
}

// hidden = activation(x gate) * x inner; the gaps between rows are multiplied too, which nobody reads
static void multiply_gated(const step *s, const decoder_layer *l, const float *x) {
  int64_t F = size(s, HIDDEN), stride = hidden_stride(s), all = size(s, ROWS) * stride;
  step_product parts[] = {product_of(l->gate, s->hidden, F, stride), product_of(l->inner, s->gated, F, stride)};
  parts[0].activation = (int)size(s, ACTIVATION);
  step_input in = input_of(s, x, size(s, WIDTH));
  multiply_step(&in, parts, 2);
  FOR_VECTORS(i, all, store(s->hidden + i, load(s->hidden + i, W) * load(s->gated + i, W), W););
}

static void run_layer(const step *s, const decoder_layer *l) {
  int64_t C = size(s, WIDTH), F = size(s, HIDDEN);
  int64_t keys = size(s, HEADS) * size(s, KEY_WIDTH), values = size(s, HEADS) * size(s, VALUE_WIDTH);
  project_own(s, l, enter(s, l->selfNorm));
  find_own_places(s);
  attend_to(s, l->keys, l->values, size(s, PLACE) + 1);
  project(s, s->context, values, l->output, s->x, C, 1, ACT_NONE);
  leave(s, l->selfNorm);

  project(s, enter(s, l->crossNorm), C, l->crossQuery, s->query, keys, 0, ACT_NONE);
  find_source_places(s);
  attend_to(s, l->memoryKeys, l->memoryValues, size(s, SOURCES));
  project(s, s->context, values, l->crossOutput, s->x, C, 1, ACT_NONE);
  leave(s, l->crossNorm);

  const float *x = enter(s, l->innerNorm);
  if (size(s, GATED)) multiply_gated(s, l, x);
  else project(s, x, C, l->inner, s->hidden, F, 0, (int)size(s, ACTIVATION));
  project(s, s->hidden, F, l->outer, s->x, C, 1, ACT_NONE);
  leave(s, l->innerNorm);
}

// Working memory in slot A; the parts of the step may use slots B and C.
static int prepare(step *s) {
  int64_t rows = size(s, ROWS), C = size(s, WIDTH), hidden = max64(hidden_stride(s), 2);
  int64_t gated = size(s, GATED) ? hidden : 0;
  int64_t keys = size(s, HEADS) * size(s, KEY_WIDTH), values = size(s, HEADS) * size(s, VALUE_WIDTH);
  int64_t places = rows * max64(size(s, PLACE) + 1, size(s, SOURCES)) + rows;
  size_t bytes = (size_t)places * sizeof(int64_t) + (size_t)(rows * (2 * C + keys + values + hidden + gated)) * sizeof(float);
  char *memory = heed_scratch(HEED_SCRATCH_A, bytes);
  if (!memory) return 0;
  s->counts = (int64_t *)memory;
  s->places = s->counts + rows;
  s->x = (float *)(s->counts + places);
  s->y = s->x + rows * C;
  s->query = s->y + rows * C;
  s->context = s->query + rows * keys;
  s->hidden = s->context + rows * values;
  s->gated = s->hidden + rows * hidden;
  return 1;
}

// tensors tokens[rows, best] (int32), log-probabilities[rows, best + 1], tokens[rows] (int32), wanted[rows] (int32),
// embedding[V, C], position[any, C] or NULL, slots[rows, room] (int32), sourceOf[rows] (int32), mask[any, sources] (uint8)
// or NULL, forbidden[V] (uint8) or NULL, rotation[any, key width] or NULL, projection[V, C] and its scales or NULL, final
// gain and bias [C] or NULL, then those of each layer (see decoder_layer); ints rows, C, heads, key width, value width,
// hidden width, layers, room, sources, place, V, best, activation, preNorm, whether the weights of layers and projection
// are panels (pack_panels), whether rotation turns halves, bits of the weights' codes or 0, whether layers have a gate;
// floats eps, attention scale, embedding scale; items = 1
// The last log-probability of a row is that of `wanted`, where that is not negative.
KERNEL(decoder_step) {
  (void)begin;
  (void)end;
  step s = {.a = a};
  if (!prepare(&s)) return;
  embed(&s);
  const decoder_layer *layers = (const decoder_layer *)(a->t + FIRST_LAYER);
  for (int64_t l = 0; l < size(&s, LAYERS); l++) run_layer(&s, layers + l);
  const float *top = s.x;
  if (a->t[FINAL_GAIN]) {
    normalise(&s, s.y, s.x, a->t[FINAL_GAIN], a->t[FINAL_BIAS]);
    top = s.y;
  }
  best_tokens job = {.in = input_of(&s, top, size(&s, WIDTH)), .weight = a->t[PROJECTION],
                     .scales = a->t[PROJECTION_SCALES], .forbidden = a->t[FORBIDDEN], .wanted = a->t[WANTED], .tokens = a->t[OUT_TOKENS],
                     .scores = a->t[OUT_SCORES], .V = size(&s, VOCAB), .k = size(&s, BEST)};
  find_best_tokens(&job);
}
