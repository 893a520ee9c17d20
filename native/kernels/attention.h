// What the attention kernels, forward and backward, share. Shapes: q[B, T, H, D], k[B, S, Kh, D], v[B, S, Kh, Dv],
// out[B, T, H, Dv], lse[B, H, T], each tensor with its own batch and row strides; head h reads key/value head
// h / (H / Kh). With segments the sequences stand one after the other in a single batch entry: segment b has the query
// rows from segments[b] and the key rows from segments[B + 1 + b] on, up to those of the next one.
#pragma once
#include "attention_relative.h"
#include "dropout.h"
#include "gemm.h"
#include "transpose.h"
#include "vmath.h"

// Keys per block of scores, and queries: more where the keys are few, so that a block fills the first cache; few always
// where each query sees keys of its own, so that most of what is hidden is never computed.
enum { S_BLOCK = 256, MIN_QUERY_BLOCK = 24, MAX_QUERY_BLOCK = 96, BLOCK_SCORES = 24 * 256 };

typedef struct {
  int64_t B, H, Kh, T, S, D, Dv;
  int64_t qRow, kRow, vRow, oRow, qBatch, kBatch, vBatch, oBatch;
  int64_t offset, left, right; // key s is visible to query t iff t + offset - left <= s <= t + offset + right
  const uint8_t *mask;  // NULL, or 1 = may attend
  int64_t maskB, maskH, maskT;
  const int32_t *segments; // NULL, or [2, B + 1]
  int64_t b;               // of this entry: 0 with segments
  int64_t sequence;        // the entry's number, also with segments
  int64_t firstQuery, firstKey, allT, allS; // where the segment starts, and the rows of all segments
  float scale;
  int dropping;
  dropout drop;
  relative_scores more; // beside the products
  int64_t queryBlock; // queries in a block of scores
  int64_t blockRow;   // distance between its rows: off a power of two, which would fill few cache sets
} attention_shape;

static inline int64_t choose_query_block(const attention_shape *p) {
  int64_t fitting = BLOCK_SCORES / max64(1, min64(p->S, S_BLOCK));
  if (p->left < p->S || p->right < p->S) return MIN_QUERY_BLOCK;
  return max64(MIN_QUERY_BLOCK, min64(min64(p->T, MAX_QUERY_BLOCK), fitting));
}

static inline attention_shape read_attention(const heed_args *a, const uint8_t *mask, const int32_t *segments) {
  const int64_t *i = a->i;
  return (attention_shape){
      .B = i[0], .H = i[1], .Kh = i[2], .T = i[3], .S = i[4], .D = i[5], .Dv = i[6],
      .qRow = i[7], .kRow = i[8], .vRow = i[9], .oRow = i[10],
      .qBatch = i[11], .kBatch = i[12], .vBatch = i[13], .oBatch = i[14],
      .offset = i[16], .left = i[22], .right = i[15] ? min64(0, i[23]) : i[23],
      .mask = mask, .maskB = i[17], .maskH = i[18], .maskT = i[19], .segments = segments, .allT = i[3], .allS = i[4],
      .scale = (float)a->f[0], .dropping = a->f[1] > 0, .drop = dropout_of(a->f[1], i[20], i[21])};
}

// The shape of batch entry or segment b.
static inline attention_shape entry_shape(const attention_shape *p, int64_t b) {
  attention_shape e = *p;
  e.b = e.sequence = b;
  if (p->segments) {
    const int32_t *queries = p->segments + b, *keys = p->segments + p->B + 1 + b;
    e.b = 0;
    e.firstQuery = queries[0];
    e.firstKey = keys[0];
    e.T = queries[1] - queries[0];
    e.S = keys[1] - keys[0];
  }
  e.queryBlock = choose_query_block(&e);
  e.blockRow = ceil_div(min64(S_BLOCK, e.S), VL) * VL + VL;
  return e;
}

// Where the rows of head h begin in a tensor of queries (or outputs), and in one of keys (or values).
static inline int64_t query_offset(const attention_shape *e, int64_t batch, int64_t row, int64_t head) {
  return e->b * batch + e->firstQuery * row + head;
}
static inline int64_t key_offset(const attention_shape *e, int64_t batch, int64_t row, int64_t head) {
  return e->b * batch + e->firstKey * row + head;
}
static inline int64_t lse_offset(const attention_shape *e, int64_t h) { return (e->b * e->H + h) * e->allT + e->firstQuery; }

typedef struct {
  int64_t first, end;
} index_range;

// Of the keys [s, s + count), counted from s, those that at least one of the queries [t, t + rows) sees.
static inline index_range visible_keys(const attention_shape *p, int64_t t, int64_t rows, int64_t s, int64_t count) {
  int64_t first = max64(0, t + p->offset - p->left - s), end = min64(count, t + rows + p->offset + p->right - s);
  return end > first ? (index_range){first, end} : (index_range){0, 0};
}

// The queries that see at least one of the keys [s, s + count), from the start of a block of queries on.
static inline index_range seeing_queries(const attention_shape *p, int64_t s, int64_t count) {
  int64_t first = max64(0, s - p->offset - p->right);
  return (index_range){first - first % p->queryBlock, min64(p->T, s + count - p->offset + p->left)};
}

// The mask's row for query t of head h, from key s; NULL without a mask.
static inline const uint8_t *mask_row(const attention_shape *p, int64_t h, int64_t t, int64_t s) {
  if (!p->mask) return NULL;
  return p->mask + p->b * p->maskB + h * p->maskH + (p->firstQuery + t) * p->maskT + p->firstKey + s;
}

// The counter of the weight (h, t, s) for dropout.
static inline uint32_t weight_index(const attention_shape *p, int64_t h, int64_t t, int64_t s) {
  return (uint32_t)(((p->b * p->H + h) * p->allT + p->firstQuery + t) * p->allS + p->firstKey + s);
}

// The table's column in which query t would meet key s if it were endless.
static inline int64_t table_column(const attention_shape *p, int64_t t, int64_t s) {
  return s - t - p->offset - p->more.first;
}

// Where the row of the table begins that query t of head h looks into.
static inline int64_t table_row(const attention_shape *p, int64_t h, int64_t t) {
  int64_t row = p->more.perQuery ? p->b * p->allT + p->firstQuery + t : p->sequence;
  return (row * p->H + h) * p->more.width;
}

static inline int64_t bias_offset(const attention_shape *p, int64_t h, int64_t t, int64_t s) {
  return ((p->b * p->H + h) * p->T + t) * p->S + s;
}

// x = scale x + the scores that are added, for query t of head h and n keys from s on.
static inline void add_scores(const attention_shape *p, float *x, int64_t h, int64_t t, int64_t s, int64_t n) {
  const relative_scores *more = &p->more;
  FOR_VECTORS(c, n, store(x + c, load(x + c, W) * p->scale, W););
  if (more->table) add_by_distance(x, more->table + table_row(p, h, t), table_column(p, t, s), n, more->width);
  if (more->bias) {
    const float *bias = more->bias + bias_offset(p, h, t, s);
    FOR_VECTORS(c, n, store(x + c, load(x + c, W) + load(bias + c, W), W););
  }
  if (more->cap > 0) cap_scores(x, n, more->cap);
}

static inline int adds_scores(const attention_shape *p) { return p->more.table || p->more.bias || p->more.cap > 0; }

// The shape of the kernels with added scores: ints from the 24th on are W, first, perQuery, bins.
static inline attention_shape read_relative(const heed_args *a, const uint8_t *mask, const int32_t *segments,
                                            const float *table, const float *bias) {
  attention_shape p = read_attention(a, mask, segments);
  p.more = (relative_scores){table, a->i[26] != 0, a->i[24], a->i[25], a->i[27] != 0, bias, (float)a->f[2]};
  return p;
}

// x where the mask is 1, -inf where it is 0.
ALWAYS_INLINE vf apply_mask(vf x, const uint8_t *mask, int w) {
  return choose(load_mask(mask, w), x, splat(-INFINITY));
}
