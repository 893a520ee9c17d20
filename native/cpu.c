// What the processor can do beyond its instruction set.
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "heed.h"
#include <string.h>
#if defined(__x86_64__)
#include <cpuid.h>
#endif
#ifdef __linux__
#include <sys/syscall.h>
#include <unistd.h>
#endif

#if defined(__x86_64__)
enum { AMX_BF16 = 1 << 22, AMX_TILE = 1 << 24, AVX512_BF16 = 1 << 5 };

static int has_avx512_bf16(void) {
  unsigned a = 0, b = 0, c = 0, d = 0;
  return __get_cpuid_count(7, 1, &a, &b, &c, &d) && (a & AVX512_BF16);
}

// The tiles belong to a process only once it has asked the kernel for them.
static int has_amx(void) {
#if defined(HEED_EMULATE_AMX)
  return 1;
#elif defined(__linux__)
  enum { ARCH_REQ_XCOMP_PERM = 0x1023, XTILEDATA = 18 };
  unsigned a = 0, b = 0, c = 0, d = 0;
  if (!__get_cpuid_count(7, 0, &a, &b, &c, &d) || !(d & AMX_BF16) || !(d & AMX_TILE)) return 0;
  return syscall(SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, XTILEDATA) == 0;
#else
  return 0;
#endif
}

// AMD's vector units multiply bf16 at twice the rate of fp32; those of Intel at half of it.
static int is_amd(void) {
  unsigned a = 0, b = 0, c = 0, d = 0;
  return __get_cpuid(0, &a, &b, &c, &d) && b == signature_AMD_ebx;
}

int heed_bf16_unit(void) {
  static int unit = -1;
  if (unit < 0) {
    int bf16 = has_avx512_bf16();
    unit = bf16 && has_amx() ? HEED_BF16_AMX : bf16 && is_amd() ? HEED_BF16_VECTOR : HEED_BF16_NONE;
  }
  return unit;
}
#else
int heed_bf16_unit(void) { return HEED_BF16_NONE; }
#endif
