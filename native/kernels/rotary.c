// Rotary position embedding (Su et al. 2021): each pair of channels is turned by the angle of its token's place.
#include "kernel.h"
#include "simd.h"

typedef struct {
  int64_t head; // channels
  const float *cos, *sin;
  float sign;
} turn;

// Pairs (i, i + D/2).
static void turn_halves(const turn *j, float *out, const float *x) {
  int64_t half = j->head / 2;
  FOR_VECTORS(i, half, {
    vf c = load(j->cos + i, W), s = load(j->sin + i, W) * j->sign, p = load(x + i, W), q = load(x + half + i, W);
    store(out + i, p * c - q * s, W);
    store(out + half + i, p * s + q * c, W);
  });
}

// Pairs (2 i, 2 i + 1).
static void turn_neighbours(const turn *j, float *out, const float *x) {
  for (int64_t i = 0; i < j->head / 2; i++) {
    float c = j->cos[i], s = j->sin[i] * j->sign, p = x[2 * i], q = x[2 * i + 1];
    out[2 * i] = p * c - q * s;
    out[2 * i + 1] = p * s + q * c;
  }
}

// tensors out[rows, H, D], x (may be out), table[places, D] (cosines, then sines), places (int32) or NULL;
// ints T, H, D, start, places given, halves, inverse; items = rows
KERNEL(rotary) {
  int64_t T = a->i[0], H = a->i[1], D = a->i[2], start = a->i[3], given = a->i[4];
  int halves = a->i[5] != 0;
  const int32_t *places = a->t[3];
  for (int64_t row = begin; row < end; row++) {
    const float *angles = (const float *)a->t[2] + (places ? places[row % given] : start + row % T) * D;
    turn j = {D, angles, angles + D / 2, a->i[6] ? -1.0f : 1.0f};
    for (int64_t h = 0; h < H; h++) {
      float *out = (float *)a->t[0] + (row * H + h) * D;
      const float *x = (const float *)a->t[1] + (row * H + h) * D;
      if (halves) turn_halves(&j, out, x);
      else turn_neighbours(&j, out, x);
    }
  }
}
