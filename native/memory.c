// Aligned allocation and per-thread scratch memory.
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "heed.h"
#include <pthread.h>
#include <stdio.h>
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

static void out_of_memory(size_t bytes) {
  fprintf(stderr, "heed: native backend: out of memory, needed %zu bytes of scratch\n", bytes);
  abort();
}

void *heed_scratch(int slot, size_t bytes) {
  if (!threadScratch) {
    pthread_once(&scratchOnce, create_key);
    threadScratch = calloc(1, sizeof *threadScratch);
    if (!threadScratch) out_of_memory(sizeof *threadScratch);
    pthread_setspecific(scratchKey, threadScratch);
  }
  scratch_block *block = threadScratch;
  if (block->bytes[slot] < bytes) {
    free(block->memory[slot]);
    size_t grown = bytes + bytes / 4;
    block->memory[slot] = heed_allocate(grown);
    if (!block->memory[slot]) out_of_memory(grown);
    block->bytes[slot] = grown;
  }
  return block->memory[slot];
}
