// One library's fp32 matrix product, measured like `heed bench gemm`: PROGRAM M N K AT BT THREADS ROUNDS, where AT and
// BT are 1 for operands that are stored transposed. Prints one JSON line.
#define _POSIX_C_SOURCE 200809L
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

typedef struct {
  int m, n, k, transA, transB, threads, rounds;
  float *a, *b, *c;
} product;

// What the library has to give.
static const char *library_version(void);
static void prepare(const product *p);
static void multiply(const product *p);

static double seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static float *matrix(size_t count) {
  float *values = aligned_alloc(64, (count * sizeof(float) + 63) / 64 * 64);
  unsigned state = 12345;
  for (size_t i = 0; i < count; i++) {
    state = state * 1664525u + 1013904223u;
    values[i] = (float)(state >> 8) / (1 << 24) - 0.5f;
  }
  return values;
}

static int ascending(const void *x, const void *y) {
  double a = *(const double *)x, b = *(const double *)y;
  return (a > b) - (a < b);
}

int main(int count, char **words) {
  if (count != 8) return fprintf(stderr, "usage: %s M N K AT BT THREADS ROUNDS\n", words[0]), 2;
  int v[7];
  for (int i = 0; i < 7; i++) v[i] = atoi(words[i + 1]);
  product p = {v[0], v[1], v[2], v[3], v[4], v[5], v[6], NULL, NULL, NULL};
  p.a = matrix((size_t)p.m * p.k);
  p.b = matrix((size_t)p.k * p.n);
  p.c = matrix((size_t)p.m * p.n);
  prepare(&p);
  double *times = malloc((size_t)p.rounds * sizeof *times);
  for (int round = 0; round < p.rounds; round++) multiply(&p); // as many as are measured, to warm up
  for (int round = 0; round < p.rounds; round++) {
    double start = seconds();
    multiply(&p);
    times[round] = seconds() - start;
  }
  qsort(times, (size_t)p.rounds, sizeof *times, ascending);
  double work = 2e-9 * p.m * p.n * p.k;
  printf("{\"m\":%d,\"n\":%d,\"k\":%d,\"threads\":%d,\"gflops\":%g,\"medianGflops\":%g,\"version\":\"%s\"}\n", p.m, p.n, p.k,
         p.threads, work / times[0], work / times[p.rounds / 2], library_version());
  return 0;
}
