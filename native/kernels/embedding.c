// Rows of a table by id, and the gradient of the table.
#include "kernel.h"
#include "simd.h"

// y = scale table[id]; the padding row comes as it is
// tensors y[tokens, C], table[V, C], ids[tokens] (int32); ints V, C, paddingId (-1 = none); floats scale; items = tokens
KERNEL(embedding) {
  int64_t C = a->i[1], padding = a->i[2];
  const int32_t *ids = a->t[2];
  for (int64_t token = begin; token < end; token++) {
    float *y = (float *)a->t[0] + token * C;
    const float *row = (const float *)a->t[1] + ids[token] * C;
    float scale = ids[token] == padding ? 1 : (float)a->f[0];
    FOR_VECTORS(c, C, store(y + c, load(row + c, W) * scale, W););
  }
}

typedef struct {
  float *dtable;
  const float *dy;
  const int32_t *ids;
  int64_t tokens, V, C, padding;
  int accumulate;
  float scale;
} embedding_job;

enum { ID_GROUPS = 16 };

// The rows with id % ID_GROUPS = group belong to one task, which adds their tokens in order.
static void embedding_group(void *context, int64_t group) {
  const embedding_job *s = context;
  for (int64_t id = group; !s->accumulate && id < s->V; id += ID_GROUPS) {
    FOR_VECTORS(c, s->C, store(s->dtable + id * s->C + c, splat(0), W););
  }
  for (int64_t token = 0; token < s->tokens; token++) {
    int64_t id = s->ids[token];
    if (id % ID_GROUPS != group || id == s->padding) continue;
    float *row = s->dtable + id * s->C;
    const float *dy = s->dy + token * s->C;
    FOR_VECTORS(c, s->C, store(row + c, load(row + c, W) + load(dy + c, W) * s->scale, W););
  }
}

// dtable[id] = (accumulate ? dtable[id] : 0) + scale * sum of dy over the tokens with that id; nothing for padding
// tensors dtable[V, C], dy[tokens, C], ids[tokens] (int32); ints tokens, V, C, paddingId, accumulate; floats scale;
// items = 1
KERNEL(embedding_backward) {
  embedding_job s = {a->t[0], a->t[1], a->t[2], a->i[0], a->i[1], a->i[2], a->i[3], a->i[4] != 0, (float)a->f[0]};
  heed_parallel_for(ID_GROUPS, embedding_group, &s);
}
