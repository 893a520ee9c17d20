// oneDNN: cc -O2 -fopenmp gemm_onednn.c -ldnnl
#include "gemm.h"
#include <dnnl.h>
#include <omp.h>

static const char *library_version(void) {
  static char text[32];
  const dnnl_version_t *version = dnnl_version();
  snprintf(text, sizeof text, "%d.%d.%d", version->major, version->minor, version->patch);
  return text;
}

static void prepare(const product *p) { omp_set_num_threads(p->threads); }

static void multiply(const product *p) {
  dnnl_status_t status = dnnl_sgemm(p->transA ? 'T' : 'N', p->transB ? 'T' : 'N', p->m, p->n, p->k, 1, p->a,
                                    p->transA ? p->m : p->k, p->b, p->transB ? p->k : p->n, 0, p->c, p->n);
  if (status != dnnl_success) exit(1);
}
