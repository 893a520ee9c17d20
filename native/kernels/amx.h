// AMX tiles of 16 rows of 64 bytes; or, with HEED_EMULATE_AMX, the same in plain C, so that the engine can be tested
// on a machine without the unit.
#pragma once
#include "simd.h"

#ifndef HEED_EMULATE_AMX
#define WITH_AMX __attribute__((target("amx-tile,amx-bf16,avx512bf16,avx512bw,avx512vl,avx512dq")))

typedef struct {
  uint8_t palette, startRow, reserved[14];
  uint16_t rowBytes[16];
  uint8_t rows[16];
} __attribute__((packed, aligned(64))) tile_configuration;

// Another library in the process may have released the tiles, so every task sets them anew.
WITH_AMX static void tiles_configure(void) {
  tile_configuration configuration = {.palette = 1};
  for (int tile = 0; tile < 8; tile++) {
    configuration.rowBytes[tile] = 64;
    configuration.rows[tile] = 16;
  }
  _tile_loadconfig(&configuration);
}
WITH_AMX static void tiles_release(void) { _tile_release(); }
#define tile_load(tile, memory, rowBytes) _tile_loadd(tile, memory, (size_t)(rowBytes))
#define tile_store(tile, memory, rowBytes) _tile_stored(tile, memory, (size_t)(rowBytes))
#define tile_zero(tile) _tile_zero(tile)
#define tile_multiply(sum, a, b) _tile_dpbf16ps(sum, a, b)

#else
#define WITH_AMX __attribute__((target("avx512bf16,avx512bw,avx512vl,avx512dq")))

static __thread uint32_t emulatedTiles[8][16][16];

static void tiles_configure(void) {}
static void tiles_release(void) {}
static void tile_load(int tile, const void *memory, int64_t rowBytes) {
  for (int r = 0; r < 16; r++) __builtin_memcpy(emulatedTiles[tile][r], (const char *)memory + r * rowBytes, 64);
}
static void tile_store(int tile, void *memory, int64_t rowBytes) {
  for (int r = 0; r < 16; r++) __builtin_memcpy((char *)memory + r * rowBytes, emulatedTiles[tile][r], 64);
}
static void tile_zero(int tile) { __builtin_memset(emulatedTiles[tile], 0, sizeof emulatedTiles[tile]); }
static float from_bf16(uint32_t bits) {
  float value;
  __builtin_memcpy(&value, &bits, 4);
  return value;
}
// sum[i][j] += a[i][2 p] b[p][2 j] + a[i][2 p + 1] b[p][2 j + 1]
static void tile_multiply(int sum, int a, int b) {
  for (int i = 0; i < 16; i++) {
    for (int j = 0; j < 16; j++) {
      float total = from_bf16(emulatedTiles[sum][i][j]);
      for (int p = 0; p < 16; p++) {
        uint32_t x = emulatedTiles[a][i][p], y = emulatedTiles[b][p][j];
        total += from_bf16(x << 16) * from_bf16(y << 16);
        total += from_bf16(x & 0xffff0000u) * from_bf16(y & 0xffff0000u);
      }
      __builtin_memcpy(&emulatedTiles[sum][i][j], &total, 4);
    }
  }
}
#endif
