// The forward pass of a recurrent layer over a batch of sequences: Elman (1990), LSTM (Hochreiter & Schmidhuber 1997,
// with the forget gate of Gers et al. 2000) and GRU (Cho et al. 2014).
#include "recurrent.h"

typedef struct {
  sequence_list sequences;
  recurrent_weight weight; // B = weight^T: [H, gates H]
  int cell;
  int64_t rows, H;
  float *out, *kept;
  const float *x, *bias, *h0, *c0;
} forward_job;

// Of one step of one sequence: x and u[gates H] (the product with the state, bias included), the state in and out.
typedef struct {
  const float *x, *u;
  float *h, *c, *kept;
} step_rows;

ALWAYS_INLINE void elman_step(const step_rows *s, int64_t H, int activation) {
  FOR_VECTORS(j, H, store(s->h + j, activate(activation, load(s->x + j, W) + load(s->u + j, W)), W););
}

static void lstm_step(const step_rows *s, int64_t H) {
  const float *x = s->x, *u = s->u;
  float *kept = s->kept;
  FOR_VECTORS(j, H, {
    vf in = vsigmoid(load(x + j, W) + load(u + j, W));
    vf forget = vsigmoid(load(x + H + j, W) + load(u + H + j, W));
    vf fresh = vtanh(load(x + 2 * H + j, W) + load(u + 2 * H + j, W));
    vf out = vsigmoid(load(x + 3 * H + j, W) + load(u + 3 * H + j, W));
    vf c = forget * load(s->c + j, W) + in * fresh;
    store(s->c + j, c, W);
    store(s->h + j, out * vtanh(c), W);
    store(kept + j, in, W);
    store(kept + H + j, forget, W);
    store(kept + 2 * H + j, fresh, W);
    store(kept + 3 * H + j, out, W);
    store(kept + 4 * H + j, c, W);
  });
}

static void gru_step(const step_rows *s, int64_t H) {
  const float *x = s->x, *u = s->u;
  float *kept = s->kept;
  FOR_VECTORS(j, H, {
    vf reset = vsigmoid(load(x + j, W) + load(u + j, W));
    vf update = vsigmoid(load(x + H + j, W) + load(u + H + j, W));
    vf recalled = load(u + 2 * H + j, W);
    vf fresh = vtanh(load(x + 2 * H + j, W) + reset * recalled);
    store(s->h + j, fresh + update * (load(s->h + j, W) - fresh), W);
    store(kept + j, reset, W);
    store(kept + H + j, update, W);
    store(kept + 2 * H + j, fresh, W);
    store(kept + 3 * H + j, recalled, W);
  });
}

static void step(const forward_job *s, const step_rows *rows) {
  switch (s->cell) {
    case CELL_TANH:
      elman_step(rows, s->H, ACT_TANH);
      return;
    case CELL_RELU:
      elman_step(rows, s->H, ACT_RELU);
      return;
    case CELL_LSTM:
      lstm_step(rows, s->H);
      return;
    default:
      gru_step(rows, s->H);
  }
}

static void forward_group(void *context, int64_t group) {
  const forward_job *s = context;
  const sequence_list *q = &s->sequences;
  int64_t all = group_size(q, group), H = s->H, gates = gates_of(s->cell);
  // Not where the product of a single step has its own memory, A and B.
  float *h = heed_scratch(HEED_SCRATCH_D, (size_t)(all * (gates + 2) * H) * sizeof(float));
  if (!h) return;
  float *c = h + all * H, *products = c + all * H;
  for (int64_t k = 0; k < all; k++) {
    int64_t place = q->place[member(q, group, k)];
    copy_floats(h + k * H, s->h0 + place * H, H);
    if (s->c0) copy_floats(c + k * H, s->c0 + place * H, H);
  }
  int64_t active = all;
  for (int64_t t = 0;; t++) {
    while (active > 0 && q->length[member(q, group, active - 1)] <= t) active--;
    if (active == 0) break;
    multiply_state(&s->weight, h, active, products, s->bias, 0);
    for (int64_t k = 0; k < active; k++) {
      int64_t row = row_at(q, member(q, group, k), t);
      step_rows rows = {s->x + row * gates * H, products + k * gates * H, h + k * H, c + k * H,
                        s->kept + row * kept_of(s->cell) * H};
      step(s, &rows);
      copy_floats(s->out + row * H, h + k * H, H);
    }
  }
  for (int64_t k = 0; k < all; k++) {
    int64_t place = q->place[member(q, group, k)];
    copy_floats(s->out + (s->rows + place) * H, h + k * H, H);
    if (s->c0) copy_floats(s->out + (s->rows + q->count + place) * H, c + k * H, H);
  }
}

// The state after every row, then the last state of every sequence (for an LSTM its h, then its c).
// tensors out[rows + n (1 or 2), H], kept[rows, any], x[rows, gates H] (the products with the inputs), weight[gates H, H],
// bias[gates H] or NULL, h0[n, H], c0[n, H] or NULL, plan[3, n] (int32: first row, rows, place; longest first);
// ints cell, rows, n, H, reverse; items = 1
KERNEL(recurrent) {
  int cell = (int)a->i[0];
  int64_t rows = a->i[1], n = a->i[2], H = a->i[3], columns = gates_of(cell) * H;
  forward_job s = {.sequences = sequences_of(a->t[7], n, a->i[4] != 0), .cell = cell, .rows = rows, .H = H, .out = a->t[0],
                   .kept = a->t[1], .x = a->t[2], .bias = a->t[4], .h0 = a->t[5], .c0 = a->t[6]};
  if (n > 0 && s.sequences.length[0] <= 1) { // a single step does not pay for packing
    s.weight = (recurrent_weight){a->t[3], H, columns, 0};
    s.sequences.groups = 1; // the product has threads of its own
  } else {
    float *panels = heed_scratch(HEED_SCRATCH_C, packed_bytes(H, columns));
    if (!panels) return;
    s.weight = pack_weight(panels, a->t[3], H, columns, 1, H);
  }
  if (covered_rows(&s.sequences) < rows) clear_floats(s.out, rows * H);
  heed_parallel_for(s.sequences.groups, forward_group, &s);
}
