// The thread pool. Every thread has a range of tasks of its own, the same in every launch of as many tasks, so that it
// finds in its caches what it left there; the last tasks go to whoever comes first, and who has none left takes those of
// others. Tasks are handed out by atomic tickets and counted when they are finished, so that a worker which the operating
// system has put aside never delays a launch that others can finish.
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "heed.h"
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>
#include <unistd.h>
#ifdef __linux__
#include <linux/futex.h>
#include <sys/syscall.h>
#endif

enum { MAX_THREADS = 256, SPIN_NANOSECONDS = 50000, PAUSES = 16 };

// A ticket is epoch (24 bits) | end of the range (20 bits) | next task (20 bits).
enum { COUNT_BITS = 20 };
static const uint64_t COUNT_MASK = (1u << COUNT_BITS) - 1;
static const int64_t MAX_TASKS = 1 << (COUNT_BITS - 1);

static struct {
  _Alignas(64) _Atomic uint64_t ticket;
} ranges[MAX_THREADS + 1]; // of each thread, and behind them the one that all share
static _Atomic int rangeCount; // threads that have one
static _Alignas(64) _Atomic uint32_t finished;
static _Alignas(64) _Atomic uint32_t epoch;
static _Alignas(64) atomic_flag busy = ATOMIC_FLAG_INIT;
static _Atomic int sleepers;
static _Atomic int callerWaits;
static _Atomic int threadCount;
static int started = 1; // threads that exist, the caller included; guarded by `busy`
static heed_task currentTask;
static uint32_t currentCount;
static void *currentContext;
static _Atomic size_t jobShortage; // of scratch memory, in any task of the current job

static inline void relax(void) {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

static int64_t nanoseconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

// A waiting thread first spins, because the next launch often comes within microseconds, then sleeps.
static int64_t spin_deadline(void) { return nanoseconds() + SPIN_NANOSECONDS; }
static int spin_before(int64_t deadline) {
  for (int pause = 0; pause < PAUSES; pause++) relax();
  return nanoseconds() < deadline;
}

#ifdef __linux__
static void wait_while(_Atomic uint32_t *word, uint32_t value) {
  syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, value, NULL, NULL, 0);
}
static void wake_all(_Atomic uint32_t *word) { syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0); }
#else
static pthread_mutex_t sleepMutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t sleepCondition = PTHREAD_COND_INITIALIZER;
static void wait_while(_Atomic uint32_t *word, uint32_t value) {
  pthread_mutex_lock(&sleepMutex);
  if (atomic_load(word) == value) pthread_cond_wait(&sleepCondition, &sleepMutex);
  pthread_mutex_unlock(&sleepMutex);
}
static void wake_all(_Atomic uint32_t *word) {
  (void)word;
  pthread_mutex_lock(&sleepMutex);
  pthread_cond_broadcast(&sleepCondition);
  pthread_mutex_unlock(&sleepMutex);
}
#endif

static uint32_t ticket_next(uint64_t value) { return (uint32_t)(value & COUNT_MASK); }
static uint32_t ticket_end(uint64_t value) { return (uint32_t)(value >> COUNT_BITS & COUNT_MASK); }

// Takes the tasks of a range until none is left. A valid ticket pins the job: it cannot end before its task is counted as
// finished.
static void run_range(_Atomic uint64_t *ticket) {
  for (;;) {
    uint64_t seen = atomic_load_explicit(ticket, memory_order_relaxed);
    if (ticket_next(seen) >= ticket_end(seen)) return;
    uint64_t mine = atomic_fetch_add_explicit(ticket, 1, memory_order_acquire);
    if (ticket_next(mine) >= ticket_end(mine)) return;
    uint32_t count = currentCount;
    currentTask(currentContext, ticket_next(mine));
    size_t lacking = heed_take_shortage();
    if (lacking) atomic_store(&jobShortage, lacking);
    if (atomic_fetch_add(&finished, 1) + 1 == count && atomic_load(&callerWaits)) wake_all(&finished);
  }
}

// A thread's own tasks, those of all, and those of others.
static void run_tasks(int thread) {
  int threads = atomic_load_explicit(&rangeCount, memory_order_relaxed);
  if (thread < threads) run_range(&ranges[thread].ticket);
  run_range(&ranges[MAX_THREADS].ticket);
  for (int other = 1; other < threads; other++) run_range(&ranges[(thread + other) % threads].ticket);
}

static void *worker(void *argument) {
  int index = (int)(intptr_t)argument;
  uint32_t seen = 0;
  for (;;) {
    uint32_t now;
    int64_t deadline = spin_deadline();
    while ((now = atomic_load_explicit(&epoch, memory_order_acquire)) == seen) {
      if (index < atomic_load_explicit(&threadCount, memory_order_relaxed) && spin_before(deadline)) continue;
      atomic_fetch_add(&sleepers, 1);
      wait_while(&epoch, seen);
      atomic_fetch_sub(&sleepers, 1);
    }
    seen = now;
    if (index < atomic_load_explicit(&threadCount, memory_order_relaxed)) run_tasks(index);
  }
  return NULL;
}

// One until somebody sets or proposes a number: which one suits the machine, the device knows.
int heed_threads(void) {
  int threads = atomic_load_explicit(&threadCount, memory_order_relaxed);
  return threads > 0 ? threads : 1;
}

static int possible_threads(int threads) { return threads < 1 ? 1 : threads > MAX_THREADS ? MAX_THREADS : threads; }

void heed_set_threads(int threads) { atomic_store(&threadCount, possible_threads(threads)); }

void heed_propose_threads(int threads) {
  int none = 0;
  atomic_compare_exchange_strong(&threadCount, &none, possible_threads(threads));
}

// Workers start with the first parallel job. Returns false when there is nobody to share with.
static int have_workers(void) {
  for (int threads = heed_threads(); started < threads; started++) {
    pthread_t thread;
    if (pthread_create(&thread, NULL, worker, (void *)(intptr_t)started) != 0) break;
    pthread_detach(thread);
  }
  return started > 1;
}

static void run_serially(int64_t tasks, heed_task run, void *context) {
  for (int64_t task = 0; task < tasks; task++) run(context, task);
}

// A core that another process keeps busy puts a worker aside for milliseconds, and the launch waits for the task that it
// has taken. After a wait much longer than the work, launches begin on the caller alone and only what lasts is handed
// out, until the time that was lost is a small part of the whole.
enum { LONG_WAIT = 300000, MUCH = 4, WARY_FOR = 16, ALONE = 200000 }; // nanoseconds, and factors
static int64_t waryUntil;                                             // guarded by `busy`

// While launches are wary, runs the first tasks; returns the number of them.
static int64_t begin_alone(int64_t tasks, heed_task run, void *context) {
  if (waryUntil == 0) return 0;
  int64_t now = nanoseconds(), task = 0;
  if (now >= waryUntil) {
    waryUntil = 0;
    return 0;
  }
  for (int64_t end = now + ALONE; task < tasks && now < end; now = nanoseconds()) run(context, task++);
  return task;
}

static void learn_from_wait(int64_t began, int64_t worked) {
  int64_t now = nanoseconds(), wait = now - worked;
  if (wait > LONG_WAIT && wait > MUCH * (worked - began)) waryUntil = now + WARY_FOR * wait;
}

static void wait_for_all(uint32_t tasks, int64_t began) {
  uint32_t done;
  int64_t worked = 0;
  while ((done = atomic_load_explicit(&finished, memory_order_acquire)) < tasks) {
    if (worked == 0) worked = nanoseconds();
    if (spin_before(worked + SPIN_NANOSECONDS)) continue;
    atomic_store(&callerWaits, 1);
    if (atomic_load(&finished) == done) wait_while(&finished, done);
    atomic_store(&callerWaits, 0);
  }
  if (worked) learn_from_wait(began, worked);
}

static void hand_out(uint32_t job, int range, int64_t first, int64_t end) {
  uint64_t ticket = (uint64_t)(job & 0xffffff) << (2 * COUNT_BITS) | (uint64_t)end << COUNT_BITS | (uint64_t)first;
  atomic_store_explicit(&ranges[range].ticket, ticket, memory_order_release);
}

// Hands the tasks from the first on out to all threads and waits for them.
static void share(int64_t first, int64_t tasks, int64_t loose, heed_task run, void *context) {
  int64_t began = nanoseconds();
  currentTask = run;
  currentContext = context;
  currentCount = (uint32_t)tasks;
  atomic_store_explicit(&finished, (uint32_t)first, memory_order_relaxed);
  uint32_t next = atomic_load_explicit(&epoch, memory_order_relaxed) + 1;
  int threads = started < heed_threads() ? started : heed_threads();
  int64_t fixed = tasks - loose > first ? tasks - loose - first : 0, own = fixed / threads;
  atomic_store_explicit(&rangeCount, threads, memory_order_relaxed);
  for (int thread = 0; thread < threads; thread++) hand_out(next, thread, first + thread * own, first + (thread + 1) * own);
  hand_out(next, MAX_THREADS, first + threads * own, tasks);
  atomic_store(&epoch, next);
  if (atomic_load(&sleepers)) wake_all(&epoch);
  run_tasks(0);
  wait_for_all((uint32_t)tasks, began);
  heed_add_shortage(atomic_exchange(&jobShortage, 0));
}

void heed_parallel_for(int64_t tasks, heed_task run, void *context) {
  enum { LOOSE = 8 };
  heed_parallel_ranges(tasks, tasks / LOOSE, run, context);
}

void heed_parallel_ranges(int64_t tasks, int64_t loose, heed_task run, void *context) {
  // Busy: another JavaScript thread is launching, or this is a task that asks for parallelism itself.
  int alone = tasks <= 1 || tasks > MAX_TASKS || heed_threads() <= 1;
  if (alone || atomic_flag_test_and_set_explicit(&busy, memory_order_acquire)) {
    run_serially(tasks, run, context);
    return;
  }
  if (!have_workers()) {
    run_serially(tasks, run, context);
  } else {
    int64_t first = begin_alone(tasks, run, context);
    if (first < tasks) share(first, tasks, loose, run, context);
  }
  atomic_flag_clear_explicit(&busy, memory_order_release);
}

typedef struct {
  heed_kernel run;
  const heed_args *args;
  int64_t items, chunk;
} launch_job;

static void run_chunk(void *context, int64_t task) {
  const launch_job *job = context;
  int64_t begin = task * job->chunk, end = begin + job->chunk;
  job->run(job->args, begin, end < job->items ? end : job->items);
}

size_t heed_launch(heed_kernel run, const heed_args *a, int64_t items, double workPerItem) {
  enum { SERIAL_WORK = 32768, CHUNK_WORK = 16384, MAX_CHUNKS = 256, ALIGN_ITEMS = 16 };
  double work = (double)items * (workPerItem < 1 ? 1 : workPerItem);
  if (items <= 1 || work < SERIAL_WORK) {
    if (items > 0) run(a, 0, items);
    return heed_take_shortage();
  }
  double wanted = work / CHUNK_WORK < MAX_CHUNKS ? work / CHUNK_WORK : MAX_CHUNKS;
  int64_t chunk = (int64_t)((double)items / wanted);
  if (chunk < 1) chunk = 1;
  // Whole cache lines for element-wise kernels, whose items are single floats.
  if (chunk >= ALIGN_ITEMS) chunk = (chunk + ALIGN_ITEMS - 1) / ALIGN_ITEMS * ALIGN_ITEMS;
  launch_job job = {run, a, items, chunk};
  heed_parallel_for((items + chunk - 1) / chunk, run_chunk, &job);
  return heed_take_shortage();
}
