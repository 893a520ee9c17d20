// The linear layer with quantised weights. The activations are quantised on the way, 32 at a time, so that sums of
// products are sums of bytes.
//
// Weights lie in panels of 16 rows: for each group of 32 columns, the codes of four columns of all 16 rows stand
// together. So one vector of weights meets one broadcast word of activations, and no lane is ever added to another.
//   int8 [panels, groups, 8, 16, 4]: signed codes, one scale for each row
//   int4 [panels, groups, 4, 16, 4]: of column c of the group, c < 16, in the low half of a byte, of c + 16 in the high
//   half, plus 8 each; one scale for each row and group, [panels, groups, 16]
#include "dot_bytes.h"
#include "kernel.h"
#include "simd.h"

enum { PANEL = 16, GROUP = 32, WORDS = GROUP / 4, MAX_ROWS = VL == 16 ? 8 : 4 };

typedef struct {
  float *y;
  const int8_t *codes;
  const float *scales, *x, *bias;
  int64_t M, N, K, groups;
  int offset;      // what the dot product's unsigned codes have too much
  int8_t *xCodes;  // [M, groups, 32]
  float *xScales;  // [M, groups]
  int32_t *starts; // [M, groups]: -offset times the sum of the group's codes
  int64_t panelsPerTask, rowsPerTask;
  void (*panel)(const void *job, int64_t panel);
} quantized_job;

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
static void quantize_group(const quantized_job *s, int64_t m, int64_t g) {
  const float *x = s->x + m * s->K + g * GROUP;
  int64_t n = min64(GROUP, s->K - g * GROUP);
  vf top = splat(0), sum = splat(0), zeros = splat(0);
  FOR_VECTORS(k, n, {
    vf v = load(x + k, W);
    top = vmax(top, absolute(v));
    zeros += v * 0.0f;
  });
  float max = lane_max(top), inverse = max > 0 ? 127 / max : 0;
  int8_t *codes = s->xCodes + (m * s->groups + g) * GROUP;
  UNROLL for (int k = 0; k < GROUP; k += VL) {
    int w = (int)min64(VL, max64(0, n - k));
    vf rounded = nearest(load_up_to(x + k, w) * inverse);
    sum += rounded;
    *(byte_memory *)(codes + k) = __builtin_convertvector(__builtin_convertvector(rounded, vi), byte_lanes);
  }
  s->xScales[m * s->groups + g] = max / 127 + lane_sum(zeros);
  s->starts[m * s->groups + g] = -s->offset * (int32_t)lane_sum(sum);
}

static void quantize_rows(void *context, int64_t task) {
  const quantized_job *s = context;
  int64_t last = min64(s->M, (task + 1) * s->rowsPerTask);
  for (int64_t m = task * s->rowsPerTask; m < last; m++) {
    for (int64_t g = 0; g < s->groups; g++) quantize_group(s, m, g);
  }
}

ALWAYS_INLINE vi load_words(const int8_t *p) { return (vi)*(const word_memory *)p; }

// acc[r] += the products of one group; bits, vnni and rows are constants wherever this is called.
ALWAYS_INLINE void add_group(vi *acc, int bits, int vnni, int rows, const int8_t *w, const int32_t *const *x) {
  if (bits == 8) {
    UNROLL for (int q = 0; q < WORDS; q++) {
      vi codes = load_words(w + q * PANEL * 4);
      if (vnni) codes ^= (int32_t)0x80808080;
      UNROLL for (int r = 0; r < rows; r++) {
        acc[r] = vnni ? dot_vnni(acc[r], codes, x[r] + q) : dot_signed(acc[r], codes, x[r] + q);
      }
    }
  } else {
    UNROLL for (int q = 0; q < WORDS / 2; q++) {
      vi both = load_words(w + q * PANEL * 4), low = both & 0x0f0f0f0f, high = (both >> 4) & 0x0f0f0f0f;
      UNROLL for (int r = 0; r < rows; r++) {
        const int32_t *a = x[r] + q, *b = a + WORDS / 2;
        acc[r] = vnni ? dot_vnni(acc[r], low, a) : dot_unsigned(acc[r], low, a);
        acc[r] = vnni ? dot_vnni(acc[r], high, b) : dot_unsigned(acc[r], high, b);
      }
    }
  }
}

// Outputs of one vector of rows of a panel for the activations [m, m + rows).
ALWAYS_INLINE void lanes_of_panel(const quantized_job *s, int bits, int vnni, int rows, int64_t panel, int first,
                                  int64_t m) {
  const int64_t groupBytes = PANEL * GROUP * bits / 8;
  const int8_t *w = s->codes + panel * s->groups * groupBytes + first * 4;
  const float *scales = s->scales + (bits == 8 ? panel : panel * s->groups) * PANEL + first;
  const int32_t *x[MAX_ROWS];
  vf sum[MAX_ROWS];
  UNROLL for (int r = 0; r < rows; r++) {
    x[r] = (const int32_t *)(s->xCodes + (m + r) * s->groups * GROUP);
    sum[r] = splat(0);
  }
  for (int64_t g = 0; g < s->groups; g++) {
    vi acc[MAX_ROWS];
    UNROLL for (int r = 0; r < rows; r++) acc[r] = s->starts[(m + r) * s->groups + g] - (vi){0};
    add_group(acc, bits, vnni, rows, w, x);
    vf own = splat(1);
    if (bits == 4) own = load(scales + g * PANEL, VL);
    UNROLL for (int r = 0; r < rows; r++) {
      vf scale = splat(s->xScales[(m + r) * s->groups + g]);
      sum[r] += __builtin_convertvector(acc[r], vf) * (scale * own);
      x[r] += WORDS;
    }
    w += groupBytes;
  }
  int64_t column = panel * PANEL + first;
  int lanes = (int)min64(VL, s->N - column);
  if (lanes <= 0) return;
  vf bias = splat(0), own = splat(1);
  if (s->bias) bias = load(s->bias + column, lanes);
  if (bits == 8) own = load(scales, VL);
  UNROLL for (int r = 0; r < rows; r++) store(s->y + (m + r) * s->N + column, sum[r] * own + bias, lanes);
}

ALWAYS_INLINE void whole_panel(const quantized_job *s, int bits, int vnni, int64_t panel) {
  for (int first = 0; first < PANEL; first += VL) {
    int64_t m = 0;
    for (; m + MAX_ROWS <= s->M; m += MAX_ROWS) lanes_of_panel(s, bits, vnni, MAX_ROWS, panel, first, m);
    for (; m + 4 <= s->M; m += 4) lanes_of_panel(s, bits, vnni, 4, panel, first, m);
    for (; m + 2 <= s->M; m += 2) lanes_of_panel(s, bits, vnni, 2, panel, first, m);
    for (; m < s->M; m++) lanes_of_panel(s, bits, vnni, 1, panel, first, m);
  }
}

static void panel_int8(const void *job, int64_t panel) { whole_panel(job, 8, 0, panel); }
static void panel_int4(const void *job, int64_t panel) { whole_panel(job, 4, 0, panel); }
static void panel_int8_vnni(const void *job, int64_t panel) { whole_panel(job, 8, HAS_VNNI_VARIANT, panel); }
static void panel_int4_vnni(const void *job, int64_t panel) { whole_panel(job, 4, HAS_VNNI_VARIANT, panel); }

static void multiply_panels(void *context, int64_t task) {
  const quantized_job *s = context;
  int64_t last = min64(ceil_div(s->N, PANEL), (task + 1) * s->panelsPerTask);
  for (int64_t panel = task * s->panelsPerTask; panel < last; panel++) s->panel(s, panel);
}

// Returns whether there was room.
static int make_room(quantized_job *s) {
  int64_t all = s->M * s->groups;
  s->xCodes = heed_scratch(HEED_SCRATCH_A, (size_t)all * (GROUP + sizeof(float) + sizeof(int32_t)));
  if (!s->xCodes) return 0;
  s->xScales = (float *)(s->xCodes + all * GROUP);
  s->starts = (int32_t *)(s->xScales + all);
  return 1;
}

// y[M, N] = x[M, K] W^T + bias
// tensors y, codes, scales, x, bias[N] or NULL; ints M, N, K, bits (8 or 4); items = 1
KERNEL(quantized_linear) {
  enum { TASK_WORK = 1 << 16 };
  const int64_t *i = a->i;
  int is8 = i[3] == 8, vnni = cpu_has_vnni();
  quantized_job s = {
      .y = a->t[0], .codes = a->t[1], .scales = a->t[2], .x = a->t[3], .bias = a->t[4], .M = i[0], .N = i[1], .K = i[2],
      .groups = ceil_div(i[2], GROUP), .offset = !is8 ? 8 : vnni ? 128 : 0,
      .panel = vnni ? (is8 ? panel_int8_vnni : panel_int4_vnni) : is8 ? panel_int8 : panel_int4};
  if (s.M == 0 || s.N == 0 || !make_room(&s)) return;
  s.rowsPerTask = max64(1, TASK_WORK / (s.groups * GROUP + 1));
  heed_parallel_for(ceil_div(s.M, s.rowsPerTask), quantize_rows, &s);
  s.panelsPerTask = max64(1, TASK_WORK / (s.M * s.groups * GROUP * PANEL + 1));
  heed_parallel_for(ceil_div(ceil_div(s.N, PANEL), s.panelsPerTask), multiply_panels, &s);
}
