// What the attention kernels, forward and backward, share. Shapes: q[B, T, H, D], k[B, S, Kh, D], v[B, S, Kh, Dv],
// out[B, T, H, Dv], lse[B, H, T], each tensor with its own batch and row strides; head h reads key/value head
// h / (H / Kh).
#pragma once
#include "dropout.h"
#include "gemm.h"
#include "transpose.h"
#include "vmath.h"

// Keys per block of scores, and queries: more where the keys are few, so that a block fills the first cache; under the
// causal rule few always, so that most of what it hides is never computed.
enum { S_BLOCK = 256, MIN_QUERY_BLOCK = 24, MAX_QUERY_BLOCK = 96, BLOCK_SCORES = 24 * 256 };

typedef struct {
  int64_t B, H, Kh, T, S, D, Dv;
  int64_t qRow, kRow, vRow, oRow, qBatch, kBatch, vBatch, oBatch;
  int causal;
  int64_t causalOffset; // key s is visible to query t iff s <= t + causalOffset
  const uint8_t *mask;  // NULL, or 1 = may attend
  int64_t maskB, maskH, maskT;
  float scale;
  int dropping;
  dropout drop;
  int64_t queryBlock; // queries in a block of scores
  int64_t blockRow;   // distance between its rows: off a power of two, which would fill few cache sets
} attention_shape;

static inline int64_t choose_query_block(int64_t T, int64_t S, int causal) {
  int64_t fitting = BLOCK_SCORES / max64(1, min64(S, S_BLOCK));
  if (causal) return MIN_QUERY_BLOCK;
  return max64(MIN_QUERY_BLOCK, min64(min64(T, MAX_QUERY_BLOCK), fitting));
}

static inline attention_shape read_attention(const heed_args *a, const uint8_t *mask) {
  const int64_t *i = a->i;
  return (attention_shape){
      .B = i[0], .H = i[1], .Kh = i[2], .T = i[3], .S = i[4], .D = i[5], .Dv = i[6],
      .qRow = i[7], .kRow = i[8], .vRow = i[9], .oRow = i[10],
      .qBatch = i[11], .kBatch = i[12], .vBatch = i[13], .oBatch = i[14],
      .causal = i[15] != 0, .causalOffset = i[16],
      .mask = mask, .maskB = i[17], .maskH = i[18], .maskT = i[19],
      .scale = (float)a->f[0], .dropping = a->f[1] > 0, .drop = dropout_of(a->f[1], i[20], i[21]),
      .queryBlock = choose_query_block(i[3], i[4], i[15] != 0),
      .blockRow = ceil_div(min64(S_BLOCK, i[4]), VL) * VL + VL};
}

// How many of the keys [s, s + count) the causal rule shows to query t.
static inline int64_t visible_keys(const attention_shape *p, int64_t t, int64_t s, int64_t count) {
  if (!p->causal) return count;
  return max64(0, min64(count, t + p->causalOffset + 1 - s));
}

// The mask's row for query t of head h, from key s; NULL without a mask.
static inline const uint8_t *mask_row(const attention_shape *p, int64_t b, int64_t h, int64_t t, int64_t s) {
  return p->mask ? p->mask + b * p->maskB + h * p->maskH + t * p->maskT + s : NULL;
}

// The counter of the weight (b, h, t, s) for dropout.
static inline uint32_t weight_index(const attention_shape *p, int64_t b, int64_t h, int64_t t, int64_t s) {
  return (uint32_t)(((b * p->H + h) * p->T + t) * p->S + s);
}

typedef uint8_t mask_bytes __attribute__((vector_size(VL)));

// x where the mask is 1, -inf where it is 0.
ALWAYS_INLINE vf apply_mask(vf x, const uint8_t *mask, int w) {
  mask_bytes bytes = {0};
  __builtin_memcpy(&bytes, mask, (size_t)w);
  return choose(less_int((vi){0}, __builtin_convertvector(bytes, vi)), x, splat(-INFINITY));
}
