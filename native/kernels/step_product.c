// Products of the few rows of a decoding step with weights that are read once: memory sets their speed, so all columns
// of all products of an input are one parallel loop. For a dozen rows and more weights in panels are faster: no sums over
// lanes, and a block of C as large as the registers hold.
#include "decoder_step.h"

enum { TASK_BYTES = 1 << 16 };

typedef struct {
  const step_input *in;
  int64_t columns; // of a task
  const step_product *parts;
} step_job;

static void multiply_panels(matmul *g, const step_product *p, int64_t j, int64_t n) {
  g->bj = 1;
  g->streams = 1;
  for (int64_t c = j; c < j + n; c += PANEL) {
    g->N = g->bk = min64(PANEL, p->N - c);
    g->B = p->weight + c * g->K;
    matmul_direct(g);
    g->C += PANEL;
  }
}

static void multiply_code_columns(const step_input *in, const step_product *p, int64_t j, int64_t n, float *y) {
  quantized_product product = {.codes = (const int8_t *)p->weight, .scales = p->scales, .N = p->N, .stride = p->stride,
                               .add = p->add};
  multiply_codes(in->codes, &product, j / CODE_PANEL, ceil_div(j + n, CODE_PANEL), y);
}

void multiply_columns(const step_input *in, const step_product *p, int64_t j, int64_t n, float *y) {
  if (in->codes) {
    multiply_code_columns(in, p, j, n, y);
    return;
  }
  matmul g = {.M = in->rows, .N = n, .K = in->K, .A = in->x, .ai = in->stride, .ak = 1, .B = p->weight + j * in->K, .bk = 1,
              .bj = in->K, .C = y, .ldc = p->stride, .accumulate = p->add};
  if (in->panels) multiply_panels(&g, p, j, n);
  else matmul_rows(&g);
}

static void finish_rows(const step_product *p, int64_t rows, int64_t j, int64_t n) {
  if (!p->bias && p->activation == ACT_NONE) return;
  for (int64_t row = 0; row < rows; row++) {
    float *y = p->y + row * p->stride + j;
    FOR_VECTORS(c, n, {
      vf v = load(y + c, W);
      if (p->bias) v += load(p->bias + j + c, W);
      store(y + c, activate(p->activation, v), W);
    });
  }
}

static void multiply_task(void *context, int64_t task) {
  const step_job *s = context;
  const step_product *p = s->parts;
  for (int64_t own; task >= (own = ceil_div(p->N, s->columns)); p++) task -= own;
  int64_t j = task * s->columns, n = min64(s->columns, p->N - j);
  multiply_columns(s->in, p, j, n, p->y + j);
  finish_rows(p, s->in->rows, j, n);
}

int coded(step_input *in, quantized_input *codes) {
  if (in->bits == 0) return 1;
  *codes = (quantized_input){.x = in->x, .M = in->rows, .K = in->K, .bits = in->bits};
  in->codes = codes;
  return quantize_input(codes, HEED_SCRATCH_B);
}

void multiply_step(const step_input *input, const step_product *parts, int count) {
  step_input in = *input;
  quantized_input codes;
  if (!coded(&in, &codes)) return;
  int64_t columns = max64(1, TASK_BYTES / (4 * max64(in.K, 1)));
  step_job s = {&in, ceil_div(columns, PANEL) * PANEL, parts};
  int64_t tasks = 0;
  for (int part = 0; part < count; part++) tasks += ceil_div(parts[part].N, s.columns);
  heed_parallel_for(tasks, multiply_task, &s);
}

static void pack_panel_of_rows(void *context, int64_t panel) {
  const heed_args *a = context;
  int64_t N = a->i[0], K = a->i[1], j = panel * PANEL;
  int width = (int)min64(PANEL, N - j);
  pack_panel((float *)a->t[0] + j * K, width, (const float *)a->t[1] + j * K, K, 1, width, K);
}

// Panels of 32 columns of weight^T one after the other, each [K, 32], the last one [K, what is left].
// tensors panels[N * K], weight[N, K]; ints N, K; items = 1
KERNEL(pack_panels) {
  (void)begin;
  (void)end;
  heed_parallel_for(ceil_div(a->i[0], PANEL), pack_panel_of_rows, (void *)a);
}
