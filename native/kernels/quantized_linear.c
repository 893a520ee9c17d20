// The linear layer with quantised weights. The activations are quantised on the way, 32 at a time, so that sums of
// products are sums of bytes.
#include "dot_bytes.h"
#include "quantized.h"
#include "simd.h"

enum { QUANTIZED_TASK = 1 << 16, WORDS = GROUP / 4, MAX_ROWS = VL == 16 ? 8 : 4 };

typedef int8_t byte_lanes __attribute__((vector_size(VL)));
typedef int8_t byte_memory __attribute__((vector_size(VL), aligned(1), may_alias));
typedef int32_t word_memory __attribute__((vector_size(VL * 4), aligned(4), may_alias));

// The first w floats at p, w possibly 0; absent lanes are 0.
ALWAYS_INLINE vf load_up_to(const float *p, int w) {
  vf v = splat(0);
  if (w > 0) v = load(p, w);
  return v;
}

// Codes of up to 32 activations: x = scale code, scale = max |x| / 127, or NaN where one of them is not finite.
static void quantize_group(const quantized_input *in, int64_t m, int64_t g) {
  const float *x = in->x + m * in->K + g * GROUP;
  int64_t n = min64(GROUP, in->K - g * GROUP);
  vf top = splat(0), sum = splat(0), zeros = splat(0);
  FOR_VECTORS(k, n, {
    vf v = load(x + k, W);
    top = vmax(top, absolute(v));
    zeros += v * 0.0f;
  });
  float max = lane_max(top), inverse = max > 0 ? 127 / max : 0;
  int8_t *codes = in->codes + (m * in->groups + g) * GROUP;
  UNROLL for (int k = 0; k < GROUP; k += VL) {
    int w = (int)min64(VL, max64(0, n - k));
    vf rounded = nearest(load_up_to(x + k, w) * inverse);
    sum += rounded;
    *(byte_memory *)(codes + k) = __builtin_convertvector(__builtin_convertvector(rounded, vi), byte_lanes);
  }
  in->scales[m * in->groups + g] = max / 127 + lane_sum(zeros);
  in->starts[m * in->groups + g] = -in->offset * (int32_t)lane_sum(sum);
}

static void quantize_rows(void *context, int64_t task) {
  const quantized_input *in = context;
  int64_t last = min64(in->M, (task + 1) * in->rowsPerTask);
  for (int64_t m = task * in->rowsPerTask; m < last; m++) {
    for (int64_t g = 0; g < in->groups; g++) quantize_group(in, m, g);
  }
}

int quantize_input(quantized_input *in, int slot) {
  in->groups = ceil_div(in->K, GROUP);
  in->offset = in->bits == 4 ? 8 : cpu_has_vnni() ? 128 : 0;
  in->rowsPerTask = max64(1, QUANTIZED_TASK / (in->groups * GROUP + 1));
  int64_t all = in->M * in->groups;
  in->codes = heed_scratch(slot, (size_t)all * (GROUP + sizeof(float) + sizeof(int32_t)));
  if (!in->codes) return 0;
  in->scales = (float *)(in->codes + all * GROUP);
  in->starts = (int32_t *)(in->scales + all);
  heed_parallel_for(ceil_div(in->M, in->rowsPerTask), quantize_rows, in);
  return 1;
}

ALWAYS_INLINE vi load_words(const int8_t *p) { return (vi)*(const word_memory *)p; }

// acc[r] += the products of one group; bits, vnni and rows are constants wherever this is called.
ALWAYS_INLINE void add_group(vi *acc, int bits, int vnni, int rows, const int8_t *w, const int32_t *const *x) {
  if (bits == 8) {
    UNROLL for (int q = 0; q < WORDS; q++) {
      vi codes = load_words(w + q * CODE_PANEL * 4);
      if (vnni) codes ^= (int32_t)0x80808080;
      UNROLL for (int r = 0; r < rows; r++) {
        acc[r] = vnni ? dot_vnni(acc[r], codes, x[r] + q) : dot_signed(acc[r], codes, x[r] + q);
      }
    }
  } else {
    UNROLL for (int q = 0; q < WORDS / 2; q++) {
      vi both = load_words(w + q * CODE_PANEL * 4), low = both & 0x0f0f0f0f, high = (both >> 4) & 0x0f0f0f0f;
      UNROLL for (int r = 0; r < rows; r++) {
        const int32_t *a = x[r] + q, *b = a + WORDS / 2;
        acc[r] = vnni ? dot_vnni(acc[r], low, a) : dot_unsigned(acc[r], low, a);
        acc[r] = vnni ? dot_vnni(acc[r], high, b) : dot_unsigned(acc[r], high, b);
      }
    }
  }
}

// A panel, and where its outputs go.
typedef struct {
  const quantized_input *in;
  const quantized_product *p;
  int64_t panel;
  float *y;
} panel_job;

// Outputs of one vector of rows of a panel for the activations [m, m + rows).
ALWAYS_INLINE void lanes_of_panel(const panel_job *j, int bits, int vnni, int rows, int first, int64_t m) {
  const quantized_input *in = j->in;
  const quantized_product *p = j->p;
  const int64_t groups = in->groups, groupBytes = CODE_PANEL * GROUP * bits / 8;
  const int8_t *w = p->codes + j->panel * groups * groupBytes + first * 4;
  const float *scales = p->scales + (bits == 8 ? j->panel : j->panel * groups) * CODE_PANEL + first;
  const int32_t *x[MAX_ROWS];
  vf sum[MAX_ROWS];
  UNROLL for (int r = 0; r < rows; r++) {
    x[r] = (const int32_t *)(in->codes + (m + r) * groups * GROUP);
    sum[r] = splat(0);
  }
  for (int64_t g = 0; g < groups; g++) {
    vi acc[MAX_ROWS];
    UNROLL for (int r = 0; r < rows; r++) acc[r] = in->starts[(m + r) * groups + g] - (vi){0};
    add_group(acc, bits, vnni, rows, w, x);
    vf own = splat(1);
    if (bits == 4) own = load(scales + g * CODE_PANEL, VL);
    UNROLL for (int r = 0; r < rows; r++) {
      vf scale = splat(in->scales[(m + r) * groups + g]);
      sum[r] += __builtin_convertvector(acc[r], vf) * (scale * own);
      x[r] += WORDS;
    }
    w += groupBytes;
  }
  int64_t column = j->panel * CODE_PANEL + first;
  int lanes = (int)min64(VL, p->N - column);
  if (lanes <= 0) return;
  vf bias = splat(0), own = splat(1);
  if (p->bias) bias = load(p->bias + column, lanes);
  if (bits == 8) own = load(scales, VL);
  UNROLL for (int r = 0; r < rows; r++) {
    float *y = j->y + (m + r) * p->stride + first;
    store(y, sum[r] * own + (p->add ? load(y, lanes) : bias), lanes);
  }
}

ALWAYS_INLINE void whole_panel(const panel_job *j, int bits, int vnni) {
  const int64_t M = j->in->M;
  for (int first = 0; first < CODE_PANEL; first += VL) {
    int64_t m = 0;
    for (; m + MAX_ROWS <= M; m += MAX_ROWS) lanes_of_panel(j, bits, vnni, MAX_ROWS, first, m);
    for (; m + 4 <= M; m += 4) lanes_of_panel(j, bits, vnni, 4, first, m);
    for (; m + 2 <= M; m += 2) lanes_of_panel(j, bits, vnni, 2, first, m);
    for (; m < M; m++) lanes_of_panel(j, bits, vnni, 1, first, m);
  }
}

static void panel_int8(const panel_job *j) { whole_panel(j, 8, 0); }
static void panel_int4(const panel_job *j) { whole_panel(j, 4, 0); }
static void panel_int8_vnni(const panel_job *j) { whole_panel(j, 8, HAS_VNNI_VARIANT); }
static void panel_int4_vnni(const panel_job *j) { whole_panel(j, 4, HAS_VNNI_VARIANT); }

void multiply_codes(const quantized_input *in, const quantized_product *p, int64_t begin, int64_t end, float *y) {
  int is8 = in->bits == 8;
  void (*run)(const panel_job *) = cpu_has_vnni() ? (is8 ? panel_int8_vnni : panel_int4_vnni)
                                                  : is8 ? panel_int8 : panel_int4;
  for (int64_t panel = begin; panel < end; panel++) {
    run(&(panel_job){in, p, panel, y + (panel - begin) * CODE_PANEL});
  }
}

typedef struct {
  const quantized_input *in;
  quantized_product product;
  float *y;
  int64_t panelsPerTask;
} layer_job;

static void multiply_panels(void *context, int64_t task) {
  const layer_job *s = context;
  int64_t begin = task * s->panelsPerTask, end = min64(ceil_div(s->product.N, CODE_PANEL), begin + s->panelsPerTask);
  multiply_codes(s->in, &s->product, begin, end, s->y + begin * CODE_PANEL);
}

// y[M, N] = x[M, K] W^T + bias
// tensors y, codes, scales, x, bias[N] or NULL; ints M, N, K, bits (8 or 4); items = 1
KERNEL(quantized_linear) {
  const int64_t *i = a->i, M = i[0], N = i[1], K = i[2];
  quantized_input in = {.x = a->t[3], .M = M, .K = K, .bits = (int)i[3]};
  if (M == 0 || N == 0 || !quantize_input(&in, HEED_SCRATCH_A)) return;
  layer_job s = {.in = &in, .y = a->t[0],
                 .product = {.codes = a->t[1], .scales = a->t[2], .bias = a->t[4], .N = N, .stride = N},
                 .panelsPerTask = max64(1, QUANTIZED_TASK / (M * in.groups * GROUP * CODE_PANEL + 1))};
  heed_parallel_for(ceil_div(ceil_div(N, CODE_PANEL), s.panelsPerTask), multiply_panels, &s);
}
