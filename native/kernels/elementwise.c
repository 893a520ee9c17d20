// Element-wise kernels; items = elements.
#include "kernel.h"
#include "vmath.h"

enum {
  UNARY_NEG, UNARY_EXP, UNARY_LOG, UNARY_SQRT, UNARY_RECIPROCAL, UNARY_TANH, UNARY_SIGMOID, UNARY_RELU, UNARY_GELU,
  UNARY_GELU_TANH, UNARY_SILU, UNARY_ABS, UNARY_SQUARE, UNARY_SIN, UNARY_COS, UNARY_ERF,
  UNARY_SIGN
};

ALWAYS_INLINE vf each_lane(float (*function)(float), vf v) {
  for (int k = 0; k < VL; k++) v[k] = function(v[k]);
  return v;
}

// Zeros and NaN stay what they are.
ALWAYS_INLINE vf sign_of(vf x) {
  return choose(less(splat(0), x), splat(1), choose(less(x, splat(0)), splat(-1), x));
}

ALWAYS_INLINE vf unary_value(int code, vf x) {
  switch (code) {
    case UNARY_NEG: return -x;
    case UNARY_EXP: return vexp(x);
    case UNARY_LOG: return each_lane(logf, x);
    case UNARY_SQRT: return vsqrt(x);
    case UNARY_RECIPROCAL: return 1.0f / x;
    case UNARY_TANH: return vtanh(x);
    case UNARY_SIGMOID: return vsigmoid(x);
    case UNARY_RELU: return activate(ACT_RELU, x);
    case UNARY_GELU: return activate(ACT_GELU, x);
    case UNARY_GELU_TANH: return activate(ACT_GELU_TANH, x);
    case UNARY_SILU: return activate(ACT_SILU, x);
    case UNARY_ABS: return absolute(x);
    case UNARY_SQUARE: return x * x;
    case UNARY_SIN: return each_lane(sinf, x);
    case UNARY_COS: return each_lane(cosf, x);
    case UNARY_SIGN: return sign_of(x);
    default: return verf(x);
  }
}

#define UNARY_LOOP(code) \
  case code: FOR_VECTORS(k, n, store(y + k, unary_value(code, load(x + k, W)), W);); break;

// y = f(x)
// tensors y, x [n]; ints code
KERNEL(unary) {
  float *y = (float *)a->t[0] + begin;
  const float *x = (const float *)a->t[1] + begin;
  int64_t n = end - begin;
  switch (a->i[0]) {
    UNARY_LOOP(UNARY_NEG)
    UNARY_LOOP(UNARY_EXP)
    UNARY_LOOP(UNARY_LOG)
    UNARY_LOOP(UNARY_SQRT)
    UNARY_LOOP(UNARY_RECIPROCAL)
    UNARY_LOOP(UNARY_TANH)
    UNARY_LOOP(UNARY_SIGMOID)
    UNARY_LOOP(UNARY_RELU)
    UNARY_LOOP(UNARY_GELU)
    UNARY_LOOP(UNARY_GELU_TANH)
    UNARY_LOOP(UNARY_SILU)
    UNARY_LOOP(UNARY_ABS)
    UNARY_LOOP(UNARY_SQUARE)
    UNARY_LOOP(UNARY_SIN)
    UNARY_LOOP(UNARY_COS)
    UNARY_LOOP(UNARY_ERF)
    UNARY_LOOP(UNARY_SIGN)
  }
}

enum { BINARY_ADD, BINARY_SUB, BINARY_MUL, BINARY_DIV, BINARY_MAXIMUM, BINARY_MINIMUM };
enum { SAME_SHAPE, B_ROW, B_SCALAR, A_SCALAR, B_COLUMN, A_ROW, A_COLUMN };

// A NaN on either side makes the maximum and the minimum NaN.
ALWAYS_INLINE vf binary_value(int code, vf x, vf y) {
  switch (code) {
    case BINARY_ADD: return x + y;
    case BINARY_SUB: return x - y;
    case BINARY_MUL: return x * y;
    case BINARY_DIV: return x / y;
    case BINARY_MAXIMUM: return choose(is_nan(x), x, vmax(x, y));
    default: return choose(is_nan(x), x, vmin(x, y));
  }
}

// One run of elements; an operand that is one value for the whole run is broadcast.
ALWAYS_INLINE void binary_run(int code, float *y, const float *p, const float *q, int pOne, int qOne, int64_t n) {
  if (pOne) {
    vf value = splat(*p);
    FOR_VECTORS(k, n, store(y + k, binary_value(code, value, load(q + k, W)), W););
  } else if (qOne) {
    vf value = splat(*q);
    FOR_VECTORS(k, n, store(y + k, binary_value(code, load(p + k, W), value), W););
  } else {
    FOR_VECTORS(k, n, store(y + k, binary_value(code, load(p + k, W), load(q + k, W)), W););
  }
}

static void binary_code(int64_t code, float *y, const float *p, const float *q, int pOne, int qOne, int64_t n) {
  switch (code) {
    case BINARY_ADD: binary_run(BINARY_ADD, y, p, q, pOne, qOne, n); break;
    case BINARY_SUB: binary_run(BINARY_SUB, y, p, q, pOne, qOne, n); break;
    case BINARY_MUL: binary_run(BINARY_MUL, y, p, q, pOne, qOne, n); break;
    case BINARY_DIV: binary_run(BINARY_DIV, y, p, q, pOne, qOne, n); break;
    case BINARY_MAXIMUM: binary_run(BINARY_MAXIMUM, y, p, q, pOne, qOne, n); break;
    default: binary_run(BINARY_MINIMUM, y, p, q, pOne, qOne, n); break;
  }
}

// y = a (op) b, where one operand may be a scalar, a row of C (index n % C) or a column (index n / C)
// tensors y[n], a, b; ints code, mode, C
KERNEL(binary) {
  float *y = a->t[0];
  const float *p = a->t[1], *q = a->t[2];
  int64_t code = a->i[0], mode = a->i[1], C = a->i[2];
  if (mode == SAME_SHAPE || mode == A_SCALAR || mode == B_SCALAR) {
    int pOne = mode == A_SCALAR, qOne = mode == B_SCALAR;
    binary_code(code, y + begin, pOne ? p : p + begin, qOne ? q : q + begin, pOne, qOne, end - begin);
    return;
  }
  for (int64_t n = begin; n < end;) {
    int64_t row = n / C, column = n % C, length = min64(C - column, end - n);
    const float *pRun = mode == A_ROW ? p + column : mode == A_COLUMN ? p + row : p + n;
    const float *qRun = mode == B_ROW ? q + column : mode == B_COLUMN ? q + row : q + n;
    binary_code(code, y + n, pRun, qRun, mode == A_COLUMN, mode == B_COLUMN, length);
    n += length;
  }
}

// y = y + alpha x
// tensors y, x [n]; floats alpha
KERNEL(axpy) {
  float *y = (float *)a->t[0] + begin, alpha = (float)a->f[0];
  const float *x = (const float *)a->t[1] + begin;
  FOR_VECTORS(k, end - begin, store(y + k, load(y + k, W) + load(x + k, W) * alpha, W););
}

// y = alpha x + beta
// tensors y, x [n]; floats alpha, beta
KERNEL(scale) {
  float *y = (float *)a->t[0] + begin, alpha = (float)a->f[0], beta = (float)a->f[1];
  const float *x = (const float *)a->t[1] + begin;
  FOR_VECTORS(k, end - begin, store(y + k, load(x + k, W) * alpha + beta, W););
}

// y = value
// tensors y[n]; floats value
KERNEL(fill) {
  float *y = (float *)a->t[0] + begin;
  vf value = splat((float)a->f[0]);
  FOR_VECTORS(k, end - begin, store(y + k, value, W););
}
