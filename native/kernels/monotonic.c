// Where a reader that only moves forward stops, in expectation, and its gradient. Along the places each step needs the
// one before, so the walks of four entries of the batch go side by side. items = groups of four entries.
#include "kernel.h"

enum { ENTRIES = 4 };
// Sums are in double: a product of probabilities may become smaller with every place.
typedef double lanes __attribute__((vector_size(ENTRIES * 8)));
typedef float short_lanes __attribute__((vector_size(ENTRIES * 4)));
#define WIDE(v) __builtin_convertvector(v, lanes)
#define SHORT(v) __builtin_convertvector(v, short_lanes)

typedef struct {
  int64_t S, entry[ENTRIES]; // the last group repeats its last entry
} group_of_entries;

static group_of_entries group_at(int64_t group, int64_t entries, int64_t S) {
  group_of_entries g = {.S = S};
  for (int k = 0; k < ENTRIES; k++) g.entry[k] = min64(group * ENTRIES + k, entries - 1);
  return g;
}

// A row of each entry.
typedef struct {
  float *of[ENTRIES];
} rows;

// Row t of a tensor [entries, T, S].
ALWAYS_INLINE rows rows_at(const group_of_entries *g, const void *x, int64_t T, int64_t t) {
  rows r;
  UNROLL for (int k = 0; k < ENTRIES; k++) r.of[k] = (float *)x + (g->entry[k] * T + t) * g->S;
  return r;
}
ALWAYS_INLINE short_lanes get(rows r, int64_t s) {
  return (short_lanes){r.of[0][s], r.of[1][s], r.of[2][s], r.of[3][s]};
}
ALWAYS_INLINE void put(rows r, int64_t s, short_lanes v) {
  UNROLL for (int k = 0; k < ENTRIES; k++) r.of[k][s] = v[k];
}

// The alpha of the output before the first, [S].
static void start(const group_of_entries *g, const float *before, lanes *alpha) {
  for (int64_t s = 0; s < g->S; s++) alpha[s] = (s == 0) - (lanes){0};
  for (int64_t s = 0; before && s < g->S; s++) alpha[s] = WIDE(get(rows_at(g, before, 1, 0), s));
}

// From the alpha of the output before to that of this one; q too where it is asked for.
ALWAYS_INLINE void walk(int64_t S, rows p, lanes *alpha, short_lanes *reached) {
  lanes passing = {0};
  for (int64_t s = 0; s < S; s++) {
    lanes stop = WIDE(get(p, s)), q = passing + alpha[s];
    // Not (1 - stop) q: so only one operation waits for the place before.
    passing = (1 - stop) * passing + (1 - stop) * alpha[s];
    alpha[s] = stop * q;
    if (reached) reached[s] = SHORT(q);
  }
}

// alpha[t, s] = p[t, s] q[t, s], q[t, s] = (1 - p[t, s - 1]) q[t, s - 1] + alpha[t - 1, s]; alpha[-1] is `before`, or 1 at
// the first place
// tensors alpha[entries, T, S], p[entries, T, S], before[entries, S] or NULL; ints entries, T, S
KERNEL(monotonic_alignment) {
  int64_t T = a->i[1], S = a->i[2];
  lanes *alpha = heed_scratch(HEED_SCRATCH_A, (size_t)S * sizeof *alpha);
  if (!alpha) return;
  for (int64_t group = begin; group < end; group++) {
    group_of_entries g = group_at(group, a->i[0], S);
    start(&g, a->t[2], alpha);
    for (int64_t t = 0; t < T; t++) {
      rows y = rows_at(&g, a->t[0], T, t);
      walk(S, rows_at(&g, a->t[1], T, t), alpha, NULL);
      for (int64_t s = 0; s < S; s++) put(y, s, SHORT(alpha[s]));
    }
  }
}

// From dq of the output behind to that of this one, and dp.
ALWAYS_INLINE void walk_back(int64_t S, rows dp, rows grad, rows p, const short_lanes *reached, lanes *dq) {
  lanes passing = {0}; // dq at the place behind
  for (int64_t s = S - 1; s >= 0; s--) {
    lanes stop = WIDE(get(p, s)), dalpha = WIDE(get(grad, s)) + dq[s];
    put(dp, s, SHORT(WIDE(reached[s]) * (dalpha - passing)));
    dq[s] = passing = stop * dalpha + (1 - stop) * passing;
  }
}

// dp[t, s] = q[t, s] (dalpha[t, s] - dq[t, s + 1]) with dalpha[t, s] = grad[t, s] + dq[t + 1, s] and
// dq[t, s] = p[t, s] dalpha[t, s] + (1 - p[t, s]) dq[t, s + 1]; behind the rows of dp comes dq[0], the gradient of alpha[-1]
// tensors dp[entries, T + 1, S], grad[entries, T, S], p[entries, T, S], before[entries, S] or NULL; ints entries, T, S
KERNEL(monotonic_alignment_backward) {
  int64_t T = a->i[1], S = a->i[2];
  lanes *row = heed_scratch(HEED_SCRATCH_A, (size_t)S * sizeof *row);
  short_lanes *reached = heed_scratch(HEED_SCRATCH_B, (size_t)max64(1, T * S) * sizeof *reached);
  if (!row || !reached) return;
  for (int64_t group = begin; group < end; group++) {
    group_of_entries g = group_at(group, a->i[0], S);
    start(&g, a->t[3], row);
    for (int64_t t = 0; t < T; t++) walk(S, rows_at(&g, a->t[2], T, t), row, reached + t * S);
    for (int64_t s = 0; s < S; s++) row[s] = (lanes){0};
    for (int64_t t = T - 1; t >= 0; t--) {
      rows grad = rows_at(&g, a->t[1], T, t), p = rows_at(&g, a->t[2], T, t);
      walk_back(S, rows_at(&g, a->t[0], T + 1, t), grad, p, reached + t * S, row);
    }
    rows behind = rows_at(&g, a->t[0], T + 1, T);
    for (int64_t s = 0; s < S; s++) put(behind, s, SHORT(row[s]));
  }
}
