// y = dropout(activation(gate) up), the middle of a gated feed-forward layer, in one pass. Rows of C.
#include "bf16.h"
#include "dropout.h"
#include "kernel.h"
#include "vmath.h"

typedef struct {
  float *y, *dgate, *dup;      // [rows, C]; the gradients may be NULL
  const float *gate, *up, *dy; // [rows, C]
  float *rounding;             // [C]: a row of y before it is stored as bf16; NULL where y is fp32
  int64_t C;
  int code, dropping;
  dropout drop;
} gate_job;

ALWAYS_INLINE void forward_rows(const gate_job *s, int code, int64_t begin, int64_t end) {
  for (int64_t row = begin; row < end; row++) {
    const float *gate = s->gate + row * s->C, *up = s->up + row * s->C;
    float *y = s->rounding ? s->rounding : s->y + row * s->C;
    uint32_t n = (uint32_t)(row * s->C);
    FOR_VECTORS(c, s->C, {
      vf v = activate(code, load(gate + c, W)) * load(up + c, W);
      if (s->dropping) v = dropout_apply(&s->drop, v, n + (uint32_t)c);
      store(y + c, v, W);
    });
    if (s->rounding) store_rounded((uint16_t *)s->y + row * s->C, y, s->C);
  }
}

// With g = dropout(dy): dgate = g up activation'(gate), dup = g activation(gate)
ALWAYS_INLINE void backward_rows(const gate_job *s, int code, int64_t begin, int64_t end) {
  for (int64_t row = begin; row < end; row++) {
    int64_t at = row * s->C;
    FOR_VECTORS(c, s->C, {
      vf g = load(s->dy + at + c, W);
      vf gate = load(s->gate + at + c, W);
      if (s->dropping) g = dropout_apply(&s->drop, g, (uint32_t)(at + c));
      if (s->dgate) store(s->dgate + at + c, g * load(s->up + at + c, W) * activation_slope(code, gate), W);
      if (s->dup) store(s->dup + at + c, g * activate(code, gate), W);
    });
  }
}

// tensors y, gate, up [rows, C]; ints C, activation, k0, k1, whether y is bf16; floats p; items = rows
KERNEL(gated_activation) {
  gate_job s = {
      .y = a->t[0], .gate = a->t[1], .up = a->t[2], .C = a->i[0], .code = (int)a->i[1], .dropping = a->f[0] > 0,
      .drop = dropout_of(a->f[0], a->i[2], a->i[3])};
  if (a->i[4] && !(s.rounding = heed_scratch(HEED_SCRATCH_A, (size_t)s.C * sizeof(float)))) return;
#define CALL(code) forward_rows(&s, code, begin, end)
  FOR_EACH_ACTIVATION(s.code, CALL)
#undef CALL
}

// tensors dgate or NULL, dup or NULL, dy, gate, up [rows, C]; ints C, activation, k0, k1; floats p; items = rows
KERNEL(gated_activation_backward) {
  gate_job s = {
      .dgate = a->t[0], .dup = a->t[1], .dy = a->t[2], .gate = a->t[3], .up = a->t[4], .C = a->i[0],
      .code = (int)a->i[1], .dropping = a->f[0] > 0, .drop = dropout_of(a->f[0], a->i[2], a->i[3])};
#define CALL(code) backward_rows(&s, code, begin, end)
  FOR_EACH_ACTIVATION(s.code, CALL)
#undef CALL
}
