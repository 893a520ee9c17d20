// The kernels as a WebAssembly module: the argument block, the launch, and what the pool and the C library are to the
// addon. One thread; memory is JavaScript's business. It knows nothing about any particular kernel.
#include "../heed.h"

#define EXPORT(name) __attribute__((export_name(name)))
#define IMPORT(name) __attribute__((import_module("heed"), import_name(name)))

// Memory aligned to 64 bytes; NULL where there is none.
IMPORT("allocate") void *heed_import_allocate(size_t bytes);
IMPORT("release") void heed_import_release(void *memory, size_t bytes);

static double block[HEED_BLOCK_DOUBLES];

EXPORT("block") double *heed_block(void) { return block; }
EXPORT("blockLength") int heed_block_length(void) { return HEED_BLOCK_DOUBLES; }
EXPORT("kernelCount") int heed_count_kernels(void) { return heed_kernel_count; }
EXPORT("kernelName") const char *heed_kernel_name(int kernel) { return heed_table_base[kernel].name; }
EXPORT("launch") double heed_launch_kernel(int kernel) {
  return heed_launch_block(heed_table_base[kernel].run, block);
}

int heed_threads(void) { return 1; }

void heed_parallel_for(int64_t tasks, heed_task run, void *context) {
  for (int64_t task = 0; task < tasks; task++) run(context, task);
}

void heed_parallel_ranges(int64_t tasks, int64_t loose, heed_task run, void *context) {
  (void)loose;
  heed_parallel_for(tasks, run, context);
}

static size_t shortage;

void *heed_scratch(int slot, size_t bytes) {
  static void *memory[HEED_SCRATCH_SLOTS];
  static size_t sizes[HEED_SCRATCH_SLOTS];
  if (sizes[slot] >= bytes && memory[slot]) return memory[slot];
  if (memory[slot]) heed_import_release(memory[slot], sizes[slot]);
  sizes[slot] = bytes + bytes / 4; // growing sizes do not move it every time
  memory[slot] = heed_import_allocate(sizes[slot]);
  if (!memory[slot] && bytes > shortage) shortage = bytes;
  return memory[slot];
}

size_t heed_launch(heed_kernel run, const heed_args *a, int64_t items, double workPerItem) {
  (void)workPerItem;
  shortage = 0;
  if (items > 0) run(a, 0, items);
  return shortage;
}
