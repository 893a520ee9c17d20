// The few functions of <math.h> that kernels use. The ones that are no instruction come from JavaScript's Math.
#pragma once

#define INFINITY (__builtin_inff())
#define HEED_MATH(name) __attribute__((import_module("math"), import_name(#name))) double heed_##name(double)

HEED_MATH(exp);
HEED_MATH(log);
HEED_MATH(sin);
HEED_MATH(cos);

static inline double log(double x) { return heed_log(x); }
static inline float expf(float x) { return (float)heed_exp(x); }
static inline float logf(float x) { return (float)heed_log(x); }
static inline float sinf(float x) { return (float)heed_sin(x); }
static inline float cosf(float x) { return (float)heed_cos(x); }
static inline double sqrt(double x) { return __builtin_sqrt(x); }
static inline float sqrtf(float x) { return __builtin_sqrtf(x); }
