// Included by every kernel source, which is compiled once per instruction set with HEED_ISA (a name) and VL (floats
// per vector) defined. Names that other files see carry the instruction set: heed_softmax_avx2.
#pragma once
#include "../heed.h"

#define HEED_JOIN_(a, b, c) a##b##_##c
#define HEED_JOIN(a, b, c) HEED_JOIN_(a, b, c)
#define HEED_NAME(name) HEED_JOIN(heed_, name, HEED_ISA)
#define KERNEL(name) void HEED_NAME(name)(const heed_args *a, int64_t begin, int64_t end)

#define KERNEL_ENTRY(name) KERNEL(name);
#include "../kernels.def"
#undef KERNEL_ENTRY

// Also for functions that only fetch: GCC takes their calls for calls without effect and drops them.
#define ALWAYS_INLINE static inline __attribute__((always_inline))
// Registers cannot be indexed: loops over an array of vectors must be unrolled whole.
#ifdef __clang__
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 32")
#endif

// Numbers of a cache line.
enum { LINE = 64 / sizeof(float) };
// Fetches n numbers on their way to the second cache.
ALWAYS_INLINE void fetch_lines(const float *from, int64_t n) {
  for (int64_t c = 0; c < n; c += LINE) __builtin_prefetch(from + c, 0, 2);
}

static inline int64_t min64(int64_t a, int64_t b) { return a < b ? a : b; }
static inline int64_t max64(int64_t a, int64_t b) { return a > b ? a : b; }
static inline int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }
