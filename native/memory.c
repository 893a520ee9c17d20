// Aligned allocation, and per-thread scratch memory that may run out without ending the process.
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "heed.h"
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>

enum { CACHE_LINE = 64, HUGE_PAGE = 2 << 20, ANY_PAGE = 1 << 16 };

static size_t whole_pages(size_t bytes) { return (bytes + ANY_PAGE - 1) / ANY_PAGE * ANY_PAGE; }

// Large pieces are mapped one by one, so that each goes back to the system alone: within the heap they would leave holes.
static void *map_pages(size_t bytes) {
  size_t room = bytes + HUGE_PAGE;
  char *start = mmap(NULL, room, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (start == MAP_FAILED) return NULL;
  size_t before = (size_t)(-(uintptr_t)start % HUGE_PAGE), after = room - before - bytes;
  char *memory = start + before;
  if (before) munmap(start, before);
  if (after) munmap(memory + bytes, after);
#ifdef MADV_HUGEPAGE
  madvise(memory, bytes, MADV_HUGEPAGE);
#endif
  return memory;
}

void *heed_allocate(size_t bytes) {
  void *memory = NULL;
  if (bytes >= HUGE_PAGE) return map_pages(whole_pages(bytes));
  return posix_memalign(&memory, CACHE_LINE, bytes ? bytes : 1) == 0 ? memory : NULL;
}

void heed_release(void *memory, size_t bytes) {
  if (bytes < HUGE_PAGE) free(memory);
  else if (memory) munmap(memory, whole_pages(bytes));
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
  for (int slot = 0; slot < HEED_SCRATCH_SLOTS; slot++) heed_release(block->memory[slot], block->bytes[slot]);
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
  heed_release(block->memory[slot], block->bytes[slot]);
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
