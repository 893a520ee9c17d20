// Rows of a quantised table by id.
#include "quantized.h"

// A group of columns of one row; of the codes, those of four columns stand together, one word of every row of the panel
// after the other.
static void widen_group(float *y, const int8_t *codes, int bits, float scale, int64_t columns) {
  enum { WORD = CODE_PANEL * 4, HALF = GROUP / 2 };
  for (int64_t c = 0; c < columns; c++) {
    if (bits == 8) {
      y[c] = codes[c / 4 * WORD + c % 4] * scale;
    } else {
      int byte = (uint8_t)codes[c % HALF / 4 * WORD + c % 4];
      y[c] = ((c < HALF ? byte & 15 : byte >> 4) - 8) * scale;
    }
  }
}

// y = scale table[id]
// tensors y[tokens, C], codes, scales, ids[tokens] (int32); ints C, bits (8 or 4); floats scale; items = tokens
KERNEL(quantized_embedding) {
  int64_t C = a->i[0], groups = ceil_div(C, GROUP);
  int bits = (int)a->i[1];
  const float *scales = a->t[2];
  const int32_t *ids = a->t[3];
  for (int64_t token = begin; token < end; token++) {
    int64_t panel = ids[token] / CODE_PANEL, lane = ids[token] % CODE_PANEL;
    for (int64_t g = 0; g < groups; g++) {
      int64_t group = panel * groups + g;
      const int8_t *codes = (const int8_t *)a->t[1] + group * CODE_PANEL * GROUP * bits / 8 + lane * 4;
      float own = scales[(bits == 8 ? panel : group) * CODE_PANEL + lane];
      float *y = (float *)a->t[0] + token * C + g * GROUP;
      widen_group(y, codes, bits, own * (float)a->f[0], min64(GROUP, C - g * GROUP));
    }
  }
}
