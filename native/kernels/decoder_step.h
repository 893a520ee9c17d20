// The parts of decoder_step.c: products of few rows, attention of single queries, and the best tokens of a projection.
#pragma once
#include "gemm.h"
#include "quantized.h"
#include "simd.h"
#include "vmath.h"

typedef struct {
  const float *weight, *bias; // [N, K] and [N]
  const float *scales;        // where the weight's numbers are codes
} affine;

// The tensors of a layer, in the order of the launch.
typedef struct {
  const float *selfNorm[2]; // gain and bias
  affine query, key, value, output;
  float *keys, *values; // [any, room, heads * width]
  const float *crossNorm[2];
  affine crossQuery, crossOutput;
  const float *memoryKeys, *memoryValues; // [any, sources, heads * width]
  const float *innerNorm[2];
  affine inner, outer, gate; // gate.weight is NULL where there is none
} decoder_layer;

// The weights of products are rows, weight[N, K], or panels of columns as pack_panels leaves them, or panels of codes.
enum { PANEL = 32 };

typedef struct {
  const float *x; // [rows, K], rows `stride` apart
  int64_t rows, K, stride;
  int panels; // whether the weights are
  int bits;   // of their codes, or 0
  const quantized_input *codes; // of x, once coded() has made them
} step_input;

// y[rows, N] = activation((add ? y : 0) + x weight^T + bias), rows of y `stride` apart
typedef struct {
  const float *weight, *bias, *scales;
  float *y;
  int64_t N, stride;
  int add, activation;
} step_product;

// The input with its codes, where weights are codes: kept in `codes` and the second scratch slot. 0 where there is no
// memory.
int HEED_NAME(coded)(step_input *in, quantized_input *codes);
// Several products of the same x, in one parallel loop.
void HEED_NAME(multiply_step)(const step_input *in, const step_product *parts, int count);
// y[rows, n] = (add ? y : 0) + the columns [j, j + n) of a product, on the calling thread; j is a multiple of PANEL.
void HEED_NAME(multiply_columns)(const step_input *in, const step_product *p, int64_t j, int64_t n, float *y);

// out[row] = softmax(scale query keys^T) values for every head, over the rows places[row, 0 … counts[row]) of the caches
typedef struct {
  const float *query, *keys, *values; // [rows, heads * keyWidth], [any, heads * keyWidth], [any, heads * valueWidth]
  float *out;                         // [rows, heads * valueWidth]
  const int64_t *places, *counts;     // [rows, stride], [rows]
  int64_t rows, heads, stride, keyWidth, valueWidth;
  float scale;
} step_attention;
void HEED_NAME(attend_step)(const step_attention *s);

// The k likeliest of x weight^T in each row, of equal ones the lowest first, with their log-probabilities, without the
// forbidden ones; and the log-probability of the wanted one.
typedef struct {
  step_input in;            // x[rows, C]
  const float *weight;      // [V, C]
  const float *scales;      // where these are codes
  const uint8_t *forbidden; // [V] or NULL
  const int32_t *wanted;    // [rows], negative where none is
  int32_t *tokens;          // [rows, k]
  float *scores;            // [rows, k + 1]
  int64_t V, k;
} best_tokens;
void HEED_NAME(find_best_tokens)(const best_tokens *s);

#define coded HEED_NAME(coded)
#define multiply_step HEED_NAME(multiply_step)
#define multiply_columns HEED_NAME(multiply_columns)
#define attend_step HEED_NAME(attend_step)
#define find_best_tokens HEED_NAME(find_best_tokens)
