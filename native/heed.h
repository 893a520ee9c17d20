// What every part of the native backend shares: the calling convention, the kernel table, the pool and scratch memory.
#pragma once
#include <stddef.h>
#include <stdint.h>

// One convention for every kernel: tensors (outputs first, then inputs; NULL = absent), integers, floats.
typedef struct {
  void *const *t;
  const int64_t *i;
  const double *f;
} heed_args;

// Computes the independent work items [begin, end).
typedef void (*heed_kernel)(const heed_args *a, int64_t begin, int64_t end);

typedef struct {
  const char *name;
  heed_kernel run;
} heed_entry;

// One table per instruction set, all in the order of kernels.def.
extern const heed_entry heed_table_base[];
#ifdef HEED_WITH_X86
extern const heed_entry heed_table_avx2[];
extern const heed_entry heed_table_avx512[];
#endif
extern const int heed_kernel_count;

// Pool (pool.c). A task computes one index; tasks run in any order, on any thread, so they must not depend on each other.
typedef void (*heed_task)(void *context, int64_t task);
void heed_parallel_for(int64_t tasks, heed_task run, void *context);
// The same where the last `loose` tasks, and no others, are for whoever comes first.
void heed_parallel_ranges(int64_t tasks, int64_t loose, heed_task run, void *context);
void heed_set_threads(int threads);
void heed_propose_threads(int threads); // ignored where a number was set or proposed before
int heed_threads(void);

// Launches `items` items of a kernel in chunks whose boundaries depend only on `items` and `workPerItem`.
// Returns 0, or the bytes of scratch memory that the kernel could not get: its outputs are then undefined.
size_t heed_launch(heed_kernel run, const heed_args *a, int64_t items, double workPerItem);

// The unit that multiplies bf16 faster than fp32 (cpu.c).
enum { HEED_BF16_NONE, HEED_BF16_VECTOR, HEED_BF16_AMX };
int heed_bf16_unit(void);

// The same on the argument block that JavaScript fills (block.c); -1 when the block is not valid.
enum { HEED_BLOCK_DOUBLES = 4096 };
double heed_launch_block(heed_kernel run, const double *block);

// Memory of the calling thread, kept until the thread ends; a later call for the same slot may move it. 64-byte aligned.
// NULL when out of memory: the kernel returns at once, and its launch fails.
enum { HEED_SCRATCH_A, HEED_SCRATCH_B, HEED_SCRATCH_C, HEED_SCRATCH_D, HEED_SCRATCH_SLOTS };
void *heed_scratch(int slot, size_t bytes);
void heed_limit_scratch(size_t bytes); // more than this in one slot is refused: how tests run out of memory

// Scratch memory that the calling thread asked for in vain, in bytes, 0 when it got all; taking it forgets it.
void heed_add_shortage(size_t bytes);
size_t heed_take_shortage(void);

// Aligned memory for tensors and scratch (memory.c): 64 bytes, or 2 MiB with huge pages from 2 MiB on. NULL when out of memory.
void *heed_allocate(size_t bytes);
void heed_release(void *memory, size_t bytes); // with the bytes that were asked for
