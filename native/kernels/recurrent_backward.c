// The backward pass of a recurrent layer: back through time for the gates, then one product for the weight.
#include "recurrent.h"

typedef struct {
  sequence_list sequences;
  recurrent_weight weight; // [gates H, H]
  int cell;
  int64_t rows, H;
  // dx of the gates; du of the products with the state: the same but for a GRU; the state before every row
  float *dx, *du, *before, *dh0, *dc0;
  const float *out, *kept, *grad, *h0, *c0;
} backward_job;

// Of one step of one sequence: dh holds the gradient from the step after, without that of the output.
typedef struct {
  const float *out, *grad, *kept, *hBefore, *cBefore;
  float *dh, *dc, *dx, *du;
} step_rows;

ALWAYS_INLINE void elman_step(const step_rows *s, int64_t H, int activation) {
  FOR_VECTORS(j, H, {
    vf h = load(s->out + j, W);
    vf slope = activation == ACT_TANH ? (vf)(1.0f - h * h) : choose(less(splat(0), h), splat(1), splat(0));
    store(s->dx + j, (load(s->dh + j, W) + load(s->grad + j, W)) * slope, W);
  });
}

static void lstm_step(const step_rows *s, int64_t H) {
  const float *kept = s->kept;
  float *dx = s->dx;
  FOR_VECTORS(j, H, {
    vf in = load(kept + j, W);
    vf forget = load(kept + H + j, W);
    vf fresh = load(kept + 2 * H + j, W);
    vf out = load(kept + 3 * H + j, W);
    vf c = vtanh(load(kept + 4 * H + j, W));
    vf dh = load(s->dh + j, W) + load(s->grad + j, W);
    vf dc = load(s->dc + j, W) + dh * out * (1.0f - c * c);
    store(dx + j, dc * fresh * in * (1.0f - in), W);
    store(dx + H + j, dc * load(s->cBefore + j, W) * forget * (1.0f - forget), W);
    store(dx + 2 * H + j, dc * in * (1.0f - fresh * fresh), W);
    store(dx + 3 * H + j, dh * c * out * (1.0f - out), W);
    store(s->dc + j, dc * forget, W);
  });
}

static void gru_step(const step_rows *s, int64_t H) {
  const float *kept = s->kept;
  float *dx = s->dx, *du = s->du;
  FOR_VECTORS(j, H, {
    vf reset = load(kept + j, W);
    vf update = load(kept + H + j, W);
    vf fresh = load(kept + 2 * H + j, W);
    vf dh = load(s->dh + j, W) + load(s->grad + j, W);
    vf dFresh = dh * (1.0f - update) * (1.0f - fresh * fresh);
    vf dUpdate = dh * (load(s->hBefore + j, W) - fresh) * update * (1.0f - update);
    vf dReset = dFresh * load(kept + 3 * H + j, W) * reset * (1.0f - reset);
    store(dx + j, dReset, W);
    store(dx + H + j, dUpdate, W);
    store(dx + 2 * H + j, dFresh, W);
    store(du + j, dReset, W);
    store(du + H + j, dUpdate, W);
    store(du + 2 * H + j, dFresh * reset, W);
    store(s->dh + j, dh * update, W);
  });
}

static void step(const backward_job *s, const step_rows *rows) {
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

static void step_back(const backward_job *s, int64_t sequence, int64_t t, float *dh, float *dc, float *du) {
  const sequence_list *q = &s->sequences;
  int64_t H = s->H, gates = gates_of(s->cell), kept = kept_of(s->cell) * H, place = q->place[sequence];
  int64_t row = row_at(q, sequence, t), last = t > 0 ? row_at(q, sequence, t - 1) : 0;
  step_rows rows = {s->out + row * H, s->grad + row * H, s->kept + row * kept, s->h0 + place * H, NULL, dh, dc,
                    s->dx + row * gates * H, s->du + row * gates * H};
  if (t > 0) rows.hBefore = s->out + last * H;
  if (s->c0) rows.cBefore = t > 0 ? s->kept + last * kept + 4 * H : s->c0 + place * H;
  step(s, &rows);
  copy_floats(s->before + row * H, rows.hBefore, H);
  copy_floats(du, rows.du, gates * H);
}

static void backward_group(void *context, int64_t group) {
  const backward_job *s = context;
  const sequence_list *q = &s->sequences;
  int64_t all = group_size(q, group), H = s->H, gates = gates_of(s->cell);
  float *dh = heed_scratch(HEED_SCRATCH_D, (size_t)(all * (gates + 2) * H) * sizeof(float));
  if (!dh) return;
  float *dc = dh + all * H, *du = dc + all * H;
  for (int64_t k = 0; k < all; k++) {
    int64_t place = q->place[member(q, group, k)];
    copy_floats(dh + k * H, s->grad + (s->rows + place) * H, H);
    if (s->c0) copy_floats(dc + k * H, s->grad + (s->rows + q->count + place) * H, H);
  }
  int64_t active = 0;
  for (int64_t t = q->length[member(q, group, 0)] - 1; t >= 0; t--) {
    while (active < all && q->length[member(q, group, active)] > t) active++;
    for (int64_t k = 0; k < active; k++) step_back(s, member(q, group, k), t, dh + k * H, dc + k * H, du + k * gates * H);
    multiply_state(&s->weight, du, active, dh, NULL, s->cell == CELL_GRU); // of a GRU a part of dh goes straight back
  }
  for (int64_t k = 0; k < all; k++) {
    int64_t place = q->place[member(q, group, k)];
    copy_floats(s->dh0 + place * H, dh + k * H, H);
    if (s->c0) copy_floats(s->dc0 + place * H, dc + k * H, H);
  }
}

// dWeight[columns, H] = du^T before, and dBias[columns] = the sum of du over the rows
static void weight_gradients(const backward_job *s, float *dWeight, float *dBias) {
  int64_t columns = gates_of(s->cell) * s->H;
  if (dWeight) {
    void *tensors[] = {dWeight, s->du, s->before, NULL};
    int64_t ints[] = {1, 0, columns, s->H, s->rows, columns, s->H, s->H, 0, 1, 0, 0, 0};
    HEED_NAME(gemm)(&(heed_args){tensors, ints, NULL}, 0, 1);
  }
  if (dBias) {
    void *tensors[] = {dBias, s->du};
    int64_t ints[] = {1, s->rows, columns};
    HEED_NAME(reduce_sum)(&(heed_args){tensors, ints, NULL}, 0, 1);
  }
}

// tensors dx[rows, gates H], dWeight[gates H, H] or NULL, dBias[gates H] or NULL, dh0[n, H], dc0[n, H] or NULL (written),
// du[rows, gates H] (dx itself but for a GRU), before[rows, H] (room to work in), weight[gates H, H], h0[n, H],
// c0[n, H] or NULL, plan[3, n], out, kept, grad (as the forward pass wrote out); ints cell, rows, n, H, reverse; items = 1
KERNEL(recurrent_backward) {
  int cell = (int)a->i[0];
  int64_t rows = a->i[1], n = a->i[2], H = a->i[3], columns = gates_of(cell) * H;
  backward_job s = {.sequences = sequences_of(a->t[10], n, a->i[4] != 0), .cell = cell, .rows = rows, .H = H, .dx = a->t[0],
                    .dh0 = a->t[3], .dc0 = a->t[4], .du = a->t[5], .before = a->t[6], .h0 = a->t[8], .c0 = a->t[9],
                    .out = a->t[11], .kept = a->t[12], .grad = a->t[13]};
  float *panels = heed_scratch(HEED_SCRATCH_C, packed_bytes(columns, H));
  if (!panels) return;
  s.weight = pack_weight(panels, a->t[7], columns, H, H, 1);
  if (covered_rows(&s.sequences) < rows) {
    clear_floats(s.dx, rows * columns);
    clear_floats(s.du, rows * columns);
    clear_floats(s.before, rows * H);
  }
  heed_parallel_for(s.sequences.groups, backward_group, &s);
  weight_gradients(&s, a->t[1], a->t[2]);
}
