// Aligned allocation, and per-thread scratch memory that may run out without ending the process.
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "heed.h"
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>

enum { CACHE_LINE = 64, HUGE_PAGE = 2 << 20 };

void *heed_allocate(size_t bytes) {
  size_t alignment = bytes >= HUGE_PAGE ? HUGE_PAGE : CACHE_LINE;
  void *memory = NULL;
  if (posix_memalign(&memory, alignment, bytes ? bytes : 1) != 0) return NULL;
#ifdef MADV_HUGEPAGE
  // Whole huge pages only: the rest of the last one belongs to someone else.
  if (bytes >= HUGE_PAGE) madvise(memory, bytes & ~(size_t)(HUGE_PAGE - 1), MADV_HUGEPAGE);
#endif
  return memory;
}

typedef struct {
  void *memory[HEED_SCRATCH_SLOTS];
  size_t bytes[HEED_SCRATCH_SLOTS];
} scratch_block;

static pthread_key_t scratchKey;
static pthread_once_t scratchOnce = PTHREAD_ONCE_INIT;
static __thread scratch_block *threadScratch;

static void release_scratch(void *pointer) {
  scratch_block *block = pointer;
  for (int slot = 0; slot < HEED_SCRATCH_SLOTS; slot++) free(block->memory[slot]);
  free(block);
}

static void create_key(void) { pthread_key_create(&scratchKey, release_scratch); }

static __thread size_t shortage;
static _Atomic size_t scratchLimit = SIZE_MAX;

void heed_add_shortage(size_t bytes) {
  if (bytes > shortage) shortage = bytes;
}

size_t heed_take_shortage(void) {
  size_t bytes = shortage;
  shortage = 0;
  return bytes;
}

void heed_limit_scratch(size_t bytes) { atomic_store(&scratchLimit, bytes); }

static scratch_block *scratch_of_thread(void) {
  if (!threadScratch) {
    pthread_once(&scratchOnce, create_key);
    threadScratch = calloc(1, sizeof *threadScratch);
    if (threadScratch) pthread_setspecific(scratchKey, threadScratch);
  }
  return threadScratch;
}

// A slot grows by a quarter more than asked for, so that growing sizes do not move it every time.
static void grow(scratch_block *block, int slot, size_t bytes) {
  free(block->memory[slot]);
  size_t grown = bytes + bytes / 4;
  block->memory[slot] = heed_allocate(grown);
  block->bytes[slot] = block->memory[slot] ? grown : 0;
}

void *heed_scratch(int slot, size_t bytes) {
  scratch_block *block = bytes > atomic_load_explicit(&scratchLimit, memory_order_relaxed) ? NULL : scratch_of_thread();
  if (block && block->bytes[slot] < bytes) grow(block, slot, bytes);
  if (block && block->bytes[slot] >= bytes) return block->memory[slot];
  heed_add_shortage(bytes);
  return NULL;
}
