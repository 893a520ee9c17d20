// What the machine can do at most, for `heed bench --profile`: multiply-adds in registers, and memory read and written.
#include "kernel.h"
#include "simd.h"

enum { CHAINS = 12, FLOPS_PER_ROUND = CHAINS * VL * 2 };

// Twelve independent chains of multiply-adds hide the latency of each; out = flops done by the item.
// tensors out[items]; ints rounds; items = independent pieces
KERNEL(probe_fma) {
  for (int64_t item = begin; item < end; item++) {
    vf chain[CHAINS], factor = splat(0.999f), term = splat(0.001f);
    UNROLL for (int c = 0; c < CHAINS; c++) chain[c] = splat((float)c);
    for (int64_t round = 0; round < a->i[0]; round++) {
      UNROLL for (int c = 0; c < CHAINS; c++) chain[c] = chain[c] * factor + term;
    }
    vf sum = splat(0);
    UNROLL for (int c = 0; c < CHAINS; c++) sum += chain[c];
    // The chains settle near 1, so that adding 0 of them keeps the compiler from leaving them out.
    ((float *)a->t[0])[item] = (float)(FLOPS_PER_ROUND * a->i[0]) + 0 * lane_sum(sum);
  }
}

enum { BLOCK = 4096 };

// out[block] = sum of x[block]
// tensors out[items], x[items, 4096]; items = blocks
KERNEL(probe_read) {
  for (int64_t block = begin; block < end; block++) {
    const float *x = (const float *)a->t[1] + block * BLOCK;
    vf sum[8];
    UNROLL for (int part = 0; part < 8; part++) sum[part] = splat(0);
    for (int64_t k = 0; k < BLOCK; k += 8 * VL) {
      UNROLL for (int part = 0; part < 8; part++) sum[part] += load(x + k + part * VL, VL);
    }
    vf all = splat(0);
    UNROLL for (int part = 0; part < 8; part++) all += sum[part];
    ((float *)a->t[0])[block] = lane_sum(all);
  }
}

// y = x + 0.5 z
// tensors y, x, z [items, 4096]; ints pastCache; items = blocks
KERNEL(probe_triad) {
  for (int64_t k = begin * BLOCK; k < end * BLOCK; k += VL) {
    vf value = load((const float *)a->t[1] + k, VL) + load((const float *)a->t[2] + k, VL) * splat(0.5f);
    float *y = (float *)a->t[0] + k;
    if (a->i[0]) store_past_cache(y, value);
    else store(y, value, VL);
  }
  if (a->i[0]) finish_stores();
}
