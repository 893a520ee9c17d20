// OpenBLAS: cc -O2 gemm_openblas.c -lopenblas
#include "gemm.h"
#include <cblas.h>

static const char *library_version(void) {
  static char version[32];
  sscanf(openblas_get_config(), "OpenBLAS %31s", version);
  return version;
}

static void prepare(const product *p) { openblas_set_num_threads(p->threads); }

static void multiply(const product *p) {
  cblas_sgemm(CblasRowMajor, p->transA ? CblasTrans : CblasNoTrans, p->transB ? CblasTrans : CblasNoTrans, p->m, p->n,
              p->k, 1, p->a, p->transA ? p->m : p->k, p->b, p->transB ? p->k : p->n, 0, p->c, p->n);
}
