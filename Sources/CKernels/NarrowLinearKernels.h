#include "PutKernels.h"

typedef int32_t K(indices) __attribute__((vector_size(4 * K_LANES)));

static inline __attribute__((always_inline)) K(lanes) K(looked_up)(const float *table, K(indices) index) {
#if K_LANES == 16
  return (K(lanes))_mm512_i32gather_ps((__m512i)index, table, 4);
#elif K_LANES == 8
  return (K(lanes))_mm256_i32gather_ps(table, (__m256i)index, 4);
#else
  return (K(lanes)){table[index[0]], table[index[1]], table[index[2]], table[index[3]]};
#endif
}

static inline __attribute__((always_inline)) float K(limited)(float v, const pare_sparse_epilogue *e) {
  v = v < e->low ? e->low : v;
  return v > e->high ? e->high : v;
}

static void K(sparse_blocks)(const linear_run *r, int64_t begin, int64_t end) {
  for (int64_t b = begin; b < end; b++)
    for (int64_t row = 0; row < r->rows; row += ROWS) {
      int rows = r->rows - row < ROWS ? (int)(r->rows - row) : ROWS;
      float sums[ROWS][LANES];
      for (int piece = 0; piece < LANES; piece += K_LANES) {
        K(lanes) sum[ROWS] = {0};
        for (int64_t n = r->begins[b]; n < r->begins[b + 1]; n++) {
          uint16_t __attribute__((vector_size(2 * K_LANES))) column;
          __builtin_memcpy(&column, r->columns + n * LANES + piece, sizeof column);
          K(indices) index = __builtin_convertvector(column, K(indices));
          K(lanes) value = *(const K(lanes) *)(r->values + n * LANES + piece);
#pragma clang loop unroll(full)
          for (int k = 0; k < ROWS; k++)
            if (k < rows) sum[k] += value * K(looked_up)(r->source + (row + k) * r->pitch, index);
        }
        for (int k = 0; k < ROWS; k++) __builtin_memcpy(&sums[k][piece], &sum[k], sizeof sum[k]);
      }
      for (int k = 0; k < rows; k++)
        for (int lane = 0; lane < LANES; lane++) {
          int32_t o = r->targets[b * LANES + lane];
          if (o < 0) continue;
          float v = sums[k][lane] + (r->epilogue->bias ? r->epilogue->bias[o] : 0);
          int64_t at = (row + k) * r->outputs + o;
          if (r->epilogue->residual) v += r->epilogue->residual[at];
          r->output[at] = K(limited)(v, r->epilogue);
        }
    }
}

// A table of at most 16 entries in registers; codes are the low `bits` of each lane.
typedef struct {
#if K_LANES == 16
  __m512 entries;
#elif K_LANES == 8
  __m256 low, high;
#else
  const float *entries;
#endif
} K(table);

static inline __attribute__((always_inline)) K(table) K(table_of)(const float *table, int bits) {
  K(table) t;
#if K_LANES == 4
  (void)bits;
  t.entries = table;
#else
  // Of two bits: whatever the next two of the lane are.
  float entries[16];
  for (int i = 0; i < 16; i++) entries[i] = table[bits == 2 ? i & 3 : i];
#if K_LANES == 16
  t.entries = _mm512_loadu_ps(entries);
#else
  t.low = _mm256_loadu_ps(entries), t.high = _mm256_loadu_ps(entries + 8);
#endif
#endif
  return t;
}

static inline __attribute__((always_inline)) K(lanes) K(decoded)(K(table) t, const float *table, K(indices) word, int bits) {
  if (bits == 8) return K(looked_up)(table, word & 255);
#if K_LANES == 16
  return (K(lanes))_mm512_permutexvar_ps((__m512i)word, t.entries);
#elif K_LANES == 8
  __m256 a = _mm256_permutevar8x32_ps(t.low, (__m256i)word);
  if (bits == 2) return (K(lanes))a;
  __m256 b = _mm256_permutevar8x32_ps(t.high, (__m256i)word);
  return (K(lanes))_mm256_blendv_ps(a, b, (__m256)(word << 28));
#else
  return K(looked_up)(t.entries, word & (bits == 2 ? 3 : 15));
#endif
}

// Sums of `rows` rows for one block of outputs. Several sums of each row run side by side, since one addition waits for the
// one before.
static inline __attribute__((always_inline)) void K(coded_with)(const int bits, const int rows, const linear_run *r, int64_t b,
                                                               int64_t row) {
  const pare_coded_layer *l = r->layer;
  const int per = 32 / bits, chains = rows == 1 ? 4 : 2;
  int64_t words = padded(l) / per, size = group_size(l) / per, groups = group_count(l);
  const uint32_t *packed = (const uint32_t *)r->packed + b * words * LANES;
  float sums[ROWS][LANES];
  K(table) table = K(table_of)(r->table, bits);
  for (int piece = 0; piece < LANES; piece += K_LANES) {
    K(lanes) total[ROWS];
    for (int k = 0; k < rows; k++) total[k] = (K(lanes)){0};
    for (int64_t g = 0; g < groups; g++) {
      K(lanes) sum[ROWS][4];
      for (int k = 0; k < rows; k++)
        for (int c = 0; c < chains; c++) sum[k][c] = (K(lanes)){0};
      int64_t last = (g + 1) * size < words ? (g + 1) * size : words;
      for (int64_t w = g * size; w < last; w++) {
        K(indices) word;
        __builtin_memcpy(&word, packed + w * LANES + piece, sizeof word);
        const float *x = r->source + row * r->pitch + w * per;
#pragma clang loop unroll(full)
        for (int j = 0; j < per; j++) {
          uint32_t __attribute__((vector_size(4 * K_LANES))) moved;
          __builtin_memcpy(&moved, &word, sizeof moved);
          moved >>= j * bits;
          K(lanes) weight = K(decoded)(table, r->table, (K(indices))moved, bits);
          for (int k = 0; k < rows; k++) sum[k][j % chains] += weight * x[k * r->pitch + j];
        }
      }
      K(lanes) scale, offset = {0};
      __builtin_memcpy(&scale, r->scales + (b * groups + g) * LANES + piece, sizeof scale);
      if (r->offsets) __builtin_memcpy(&offset, r->offsets + (b * groups + g) * LANES + piece, sizeof offset);
      for (int k = 0; k < rows; k++) {
        K(lanes) all = sum[k][0] + sum[k][1];
        if (chains == 4) all += sum[k][2] + sum[k][3];
        total[k] += all * scale;
        if (r->offsets) total[k] += offset * r->sums[(row + k) * groups + g];
      }
    }
    for (int k = 0; k < rows; k++) __builtin_memcpy(&sums[k][piece], &total[k], sizeof total[k]);
  }
  for (int k = 0; k < rows; k++)
    for (int lane = 0; lane < LANES && b * LANES + lane < r->outputs; lane++) {
      int64_t o = b * LANES + lane, at = (row + k) * r->outputs + o;
      float v = sums[k][lane] + (r->epilogue->bias ? r->epilogue->bias[o] : 0);
      if (r->epilogue->residual) v += r->epilogue->residual[at];
      r->output[at] = K(limited)(v, r->epilogue);
    }
}

static void K(coded_blocks)(const linear_run *r, int64_t begin, int64_t end) {
#define CODED(bits, rows) \
  case rows: K(coded_with)(bits, rows, r, b, row); break;
#define EVERY(bits) \
  switch (rows) { CODED(bits, 1) CODED(bits, 2) CODED(bits, 3) CODED(bits, 4) }
  for (int64_t b = begin; b < end; b++)
    for (int64_t row = 0; row < r->rows; row += ROWS) {
      int rows = r->rows - row < ROWS ? (int)(r->rows - row) : ROWS;
      switch (r->layer->bits) {
        case 2: EVERY(2) break;
        case 4: EVERY(4) break;
        default: EVERY(8)
      }
    }
#undef CODED
#undef EVERY
}
