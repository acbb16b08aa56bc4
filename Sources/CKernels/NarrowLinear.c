#include "CKernels.h"
#include <stdlib.h>
#include <string.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

enum { LANES = 16, ROWS = 4 };

typedef struct {
  const pare_coded_layer *layer;
  int64_t rows, inner, outputs;
  const int64_t *begins;
  const int32_t *targets;
  const uint16_t *columns;
  const float *values;
  const void *packed;
  const float *table, *scales, *offsets, *sums;
  const float *source;
  int64_t pitch; // from one row of the source to the next
  float *output;
  const pare_sparse_epilogue *epilogue;
} linear_run;

static int64_t divide_up(int64_t a, int64_t b) { return (a + b - 1) / b; }

// How many inputs one word of 32 bits holds, and inputs and groups when both are filled up.
static int64_t codes_per_word(const pare_coded_layer *l) { return 32 / l->bits; }
static int64_t padded(const pare_coded_layer *l) { return divide_up(l->inner, 32) * 32; }
static int64_t group_size(const pare_coded_layer *l) { return l->group < l->inner ? l->group : padded(l); }
static int64_t group_count(const pare_coded_layer *l) { return divide_up(padded(l), group_size(l)); }

#define KERNELS "NarrowLinearKernels.h"
#include "EveryIsa.h"

typedef struct {
  int64_t count;
  int32_t output;
} length;

// Longest first; equal ones as they came.
static int longer(const void *a, const void *b) {
  const length *x = a, *y = b;
  if (x->count != y->count) return x->count > y->count ? -1 : 1;
  return x->output < y->output ? -1 : 1;
}

int64_t pare_sparse_linear_pack(const float *weight, int64_t outputs, int64_t inner, int64_t *begins, int32_t *targets,
                                uint16_t *columns, float *values) {
  length *rows = malloc((size_t)(outputs ? outputs : 1) * sizeof *rows);
  if (!rows) return -1;
  for (int64_t o = 0; o < outputs; o++) {
    int64_t count = 0;
    for (int64_t i = 0; i < inner; i++) count += weight[o * inner + i] != 0;
    rows[o] = (length){count, (int32_t)o};
  }
  qsort(rows, (size_t)outputs, sizeof *rows, longer);
  int64_t total = 0;
  for (int64_t first = 0; first < outputs; first += LANES) {
    int64_t steps = rows[first].count;
    if (begins) {
      begins[first / LANES] = total;
      memset(columns + total * LANES, 0, (size_t)steps * LANES * 2);
      memset(values + total * LANES, 0, (size_t)steps * LANES * 4);
      for (int64_t lane = 0; lane < LANES; lane++) {
        int32_t output = first + lane < outputs ? rows[first + lane].output : -1;
        targets[first + lane] = output;
        if (output < 0) continue;
        int64_t at = total * LANES + lane;
        for (int64_t i = 0; i < inner; i++) {
          float value = weight[(int64_t)output * inner + i];
          if (value == 0) continue;
          columns[at] = (uint16_t)i;
          values[at] = value;
          at += LANES;
        }
      }
    }
    total += steps;
  }
  if (begins) begins[divide_up(outputs, LANES)] = total;
  free(rows);
  return total;
}

static void sparse_blocks(const linear_run *r, int64_t begin, int64_t end) { DISPATCH(sparse_blocks, r, begin, end); }
static void sparse_part(void *context, intptr_t begin, intptr_t end) { sparse_blocks(context, begin, end); }
static void coded_blocks(const linear_run *r, int64_t begin, int64_t end) { DISPATCH(coded_blocks, r, begin, end); }
static void coded_part(void *context, intptr_t begin, intptr_t end) { coded_blocks(context, begin, end); }

typedef struct {
  const linear_run *run;
  int64_t blocks;
  int32_t parts;
} shares;

// Parts of about as many steps each.
static void sparse_shares(void *context, intptr_t begin, intptr_t end) {
  const shares *s = context;
  const int64_t *begins = s->run->begins;
  for (intptr_t part = begin; part < end; part++) {
    int64_t bounds[2];
    for (int side = 0; side < 2; side++) {
      int64_t wanted = begins[s->blocks] * (part + side) / s->parts, low = 0, high = s->blocks;
      while (low < high) {
        int64_t middle = (low + high) / 2;
        if (begins[middle] < wanted) low = middle + 1;
        else high = middle;
      }
      bounds[side] = part + side == s->parts ? s->blocks : low;
    }
    if (bounds[0] < bounds[1]) sparse_part((void *)s->run, bounds[0], bounds[1]);
  }
}

void pare_sparse_linear(int64_t rows, int64_t inner, int64_t outputs, const int64_t *begins, const int32_t *targets,
                        const uint16_t *columns, const float *values, const float *source, float *output,
                        const pare_sparse_epilogue *epilogue, int32_t threads) {
  linear_run run = {.rows = rows, .inner = inner, .outputs = outputs, .begins = begins, .targets = targets,
                    .columns = columns, .values = values, .source = source, .pitch = inner, .output = output,
                    .epilogue = epilogue};
  shares parts = {&run, divide_up(outputs, LANES), threads};
  pare_parallel(sparse_shares, &parts, threads, threads);
}

int64_t pare_coded_bytes(const pare_coded_layer *l) {
  return divide_up(l->outputs, LANES) * (padded(l) / codes_per_word(l)) * LANES * 4;
}

int64_t pare_coded_scale_bytes(const pare_coded_layer *l) { return divide_up(l->outputs, LANES) * group_count(l) * LANES * 4; }

void pare_coded_pack(const pare_coded_layer *l, const uint8_t *codes, void *packed) {
  int64_t per = codes_per_word(l), words = padded(l) / per, blocks = divide_up(l->outputs, LANES);
  uint32_t *target = packed, mask = l->bits == 8 ? 255 : l->bits == 4 ? 15 : 3;
  for (int64_t b = 0; b < blocks; b++)
    for (int64_t w = 0; w < words; w++)
      for (int64_t lane = 0; lane < LANES; lane++) {
        int64_t o = b * LANES + lane;
        uint32_t word = 0;
        for (int64_t k = 0; k < per && o < l->outputs && w * per + k < l->inner; k++)
          word |= (codes[o * l->inner + w * per + k] & mask) << (k * l->bits);
        *target++ = word;
      }
}

void pare_coded_pack_scales(const pare_coded_layer *l, const float *scales, float *packed) {
  int64_t groups = group_count(l);
  for (int64_t b = 0; b < divide_up(l->outputs, LANES); b++)
    for (int64_t g = 0; g < groups; g++)
      for (int64_t lane = 0; lane < LANES; lane++) {
        int64_t o = b * LANES + lane;
        *packed++ = o < l->outputs ? scales[o * groups + g] : 0;
      }
}

int64_t pare_coded_scratch(const pare_coded_layer *l, int64_t rows) {
  return divide_up(rows * (padded(l) + group_count(l)) * 4, 64) * 64;
}

void pare_coded_linear(const pare_coded_layer *l, int64_t rows, const void *packed, const float *table,
                       const float *scales, const float *offsets, const float *source, float *output,
                       const pare_sparse_epilogue *epilogue, void *scratch, int32_t threads) {
  // Rows filled up with zeros, and the sum of each group of inputs.
  int64_t pitch = padded(l), groups = group_count(l), size = group_size(l);
  float *inputs = scratch, *sums = inputs + rows * pitch;
  for (int64_t r = 0; r < rows; r++) {
    memcpy(inputs + r * pitch, source + r * l->inner, (size_t)l->inner * 4);
    memset(inputs + r * pitch + l->inner, 0, (size_t)(pitch - l->inner) * 4);
    if (!offsets) continue;
    for (int64_t g = 0; g < groups; g++) {
      float sum = 0;
      for (int64_t i = g * size; i < (g + 1) * size && i < pitch; i++) sum += inputs[r * pitch + i];
      sums[r * groups + g] = sum;
    }
  }
  linear_run run = {.layer = l, .rows = rows, .inner = l->inner, .outputs = l->outputs, .packed = packed, .table = table,
                    .scales = scales, .offsets = offsets, .sums = sums, .source = inputs, .pitch = pitch,
                    .output = output, .epilogue = epilogue};
  pare_parallel(coded_part, &run, divide_up(l->outputs, LANES), threads);
}
