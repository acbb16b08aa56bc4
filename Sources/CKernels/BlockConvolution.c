#include "CKernels.h"
#include <string.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

enum {
  OUTPUTS = 16,
  CHUNK = 14,  // positions whose sums are held in registers together; a tile has two chunks
  TILE = 28,
  BAND_BYTES = 640 << 10, // of the second cache for the copied inputs of a band
};

// Where a tile's sums go.
typedef struct {
  float *output;         // of the block's first output, at the tile's first position
  const float *residual; // the same of what is added; null: nothing
  const float *bias;     // of the block's first output; null: 0
  intptr_t plane, below;
  int32_t outputs, rows, columns;
  float low, high;
} block_target;

#define KERNELS "BlockConvolutionKernels.h"
#include "EveryIsa.h"

static int32_t divide_up(int32_t a, int32_t b) { return (a + b - 1) / b; }
static int32_t smaller(int32_t a, int32_t b) { return a < b ? a : b; }
static int32_t larger(int32_t a, int32_t b) { return a > b ? a : b; }
static int32_t output_blocks(const pare_block_layer *l) { return divide_up(l->outputs, OUTPUTS); }
static int32_t bands(const pare_block_layer *l) { return l->shared ? l->shared : divide_up(l->out_height, l->band_rows); }

// Where a band begins for a block of outputs. Two bands that share a row of tiles share out its blocks of outputs, so that
// both have the same to do: seven rows are three and a half for each of two threads.
static int32_t band_begin(const pare_block_layer *l, int32_t band, int32_t block) {
  if (!l->shared) return band * l->band_rows;
  int32_t down = divide_up(l->out_height, l->tile_rows), whole = band * down / l->shared, rest = band * down % l->shared;
  return (whole + (block * l->shared < rest * output_blocks(l))) * l->tile_rows;
}

static intptr_t channel_elements(const pare_block_layer *l) { return (intptr_t)l->phases_y * l->phases_x * l->rows * l->pitch; }

static void set_band(pare_block_layer *l, int32_t tiles_down) {
  l->band_rows = tiles_down * l->tile_rows;
  l->rows = l->band_rows + (l->kernel_height - 1) * l->dilation_y / l->stride_y;
}

void pare_block_plan(pare_block_layer *l, int32_t threads) {
  l->plane_in = l->height * l->width;
  l->plane_out = l->out_height * l->out_width;
  l->direct = l->shared = 0;
  if (l->kernel_height == 1 && l->kernel_width == 1 && l->stride_x == 1 && l->stride_y == 1 && l->plane_in == l->plane_out
      && l->pad_top == 0 && l->pad_left == 0) {
    // No neighbours: the plane is one line, cut into rows of a tile.
    l->width = l->out_width = TILE;
    l->height = l->out_height = divide_up(l->plane_in, TILE);
    l->direct = l->plane_in % TILE == 0;
  }
  int64_t least = 0;
  for (int32_t rows = 1; rows <= 4; rows *= 2) {
    int32_t columns = TILE / rows;
    int64_t positions = (int64_t)divide_up(l->out_height, rows) * divide_up(l->out_width, columns) * TILE;
    if (least && positions >= least) continue;
    least = positions;
    l->tile_rows = rows, l->tile_columns = columns;
  }
  l->phases_y = l->kernel_height == 1 ? 1 : l->stride_y;
  l->phases_x = l->kernel_width == 1 ? 1 : l->stride_x;
  l->pitch = divide_up(l->out_width, l->tile_columns) * l->tile_columns + (l->kernel_width - 1) * l->dilation_x / l->stride_x;
  int32_t down = divide_up(l->out_height, l->tile_rows), tiles = down;
  for (; tiles > 1; tiles--) {
    set_band(l, tiles);
    if (channel_elements(l) * l->channels * 4 <= BAND_BYTES) break;
  }
  // As many bands as divide evenly among the threads, if there are rows enough; else the outputs are shared out.
  int32_t count = divide_up(down, tiles);
  if (count % threads != 0 && down >= threads * 2) count += threads - count % threads;
  count = smaller(count, down);
  if (count == threads && down % threads != 0) l->shared = threads;
  // What a band sees: with the rows of tiles that it shares.
  int32_t most = divide_up(down, count);
  for (int32_t b = 0; b < l->shared; b++) most = larger(most, divide_up((b + 1) * down, l->shared) - b * down / l->shared);
  set_band(l, most);
  l->parts = (int64_t)bands(l) * l->groups % threads == 0 || (int64_t)bands(l) * l->groups >= 8 * threads
                     ? 1 : larger(1, smaller(threads, output_blocks(l)));
}

int64_t pare_block_pack(const pare_block_layer *l, const float *weight, int64_t *begins, uint32_t *offsets, float *values) {
  int64_t taps = (int64_t)l->kernel_height * l->kernel_width, width = l->channels * taps, total = 0;
  for (int32_t g = 0; g < l->groups; g++)
    for (int32_t first = 0; first < l->outputs; first += OUTPUTS) {
      if (begins) *begins++ = total;
      const float *block = weight + ((int64_t)g * l->outputs + first) * width;
      int32_t outputs = smaller(OUTPUTS, l->outputs - first);
      for (int64_t i = 0; i < width; i++) {
        int any = 0;
        for (int32_t o = 0; o < outputs; o++) any |= block[o * width + i] != 0;
        if (!any) continue;
        if (begins) {
          intptr_t y = i % taps / l->kernel_width * l->dilation_y, x = i % l->kernel_width * l->dilation_x;
          intptr_t phase = y % l->stride_y * l->phases_x + x % l->stride_x;
          offsets[total] = (uint32_t)((i / taps * (l->direct ? l->plane_in : channel_elements(l)) + (phase * l->rows + y / l->stride_y) * l->pitch
                                       + x / l->stride_x) * 4);
          for (int32_t o = 0; o < OUTPUTS; o++) values[total * OUTPUTS + o] = o < outputs ? block[o * width + i] : 0;
        }
        total++;
      }
    }
  if (begins) *begins = total;
  return total;
}

static int64_t packed_bytes(const pare_block_layer *l) {
  return l->direct ? 0 : (channel_elements(l) * l->channels * 4 + 127) / 64 * 64;
}
int64_t pare_block_scratch(const pare_block_layer *l, int32_t threads) { return threads * packed_bytes(l); }

typedef struct {
  const pare_block_layer *layer;
  const int64_t *begins;
  const uint32_t *offsets;
  const float *values, *input;
  float *output;
  const pare_sparse_epilogue *epilogue;
  char *scratch;
  int64_t tasks;
  int32_t workers;
} block_run;

static void pack_plane(const pare_block_layer *l, const float *plane, intptr_t first_row, float *target) {
  DISPATCH(pack_plane, l, plane, first_row, target);
}

// What a band sees of one channel when nothing has to be copied: asked for all at once, since tiles visit it in short pieces.
static void expect_plane(const pare_block_layer *l, const float *plane, intptr_t first_row) {
  intptr_t from = first_row * l->pitch, count = (intptr_t)l->rows * l->pitch;
  if (count > l->plane_in - from) count = l->plane_in - from;
  for (intptr_t i = 0; i < count; i += 16) __builtin_prefetch(plane + from + i, 0, 2);
}

static void tile(const pare_block_layer *l, const uint32_t *offsets, const float *values, int64_t count, const char *packed,
                 const block_target *target) {
  DISPATCH(tile, l->tile_rows, offsets, values, count, packed, (intptr_t)l->pitch, target);
}

static void workers(void *context, intptr_t begin, intptr_t end) {
  const block_run *r = context;
  const pare_block_layer *l = r->layer;
  int32_t blocks = output_blocks(l);
  for (intptr_t worker = begin; worker < end; worker++) {
    char *packed = r->scratch + worker * packed_bytes(l);
    int64_t last = (worker + 1) * r->tasks / r->workers;
    for (int64_t task = worker * r->tasks / r->workers; task < last; task++) {
      int64_t rest = task;
      int32_t index = (int32_t)(rest % bands(l));
      // The last block begins first.
      intptr_t band = band_begin(l, index, blocks);
      rest /= bands(l);
      intptr_t part = rest % l->parts;
      rest /= l->parts;
      intptr_t group = rest % l->groups, image = rest / l->groups;
      const float *input = r->input + (image * l->groups + group) * l->channels * l->plane_in;
      for (int32_t c = 0; c < l->channels; c++) {
        if (l->direct) expect_plane(l, input + (intptr_t)c * l->plane_in, band);
        else pack_plane(l, input + (intptr_t)c * l->plane_in, band, (float *)packed + c * channel_elements(l));
      }
      const char *source = l->direct ? (const char *)(input + band * l->pitch) : packed;
      for (int32_t b = (int32_t)(part * blocks / l->parts); b < (part + 1) * blocks / l->parts; b++) {
        int64_t from = r->begins[group * blocks + b], count = r->begins[group * blocks + b + 1] - from;
        intptr_t first = group * l->outputs + (intptr_t)b * OUTPUTS, plane = (image * l->groups * l->outputs + first) * l->plane_out;
        int32_t rows = smaller(band_begin(l, index + 1, b), l->out_height) - (int32_t)band;
        for (int32_t y = band_begin(l, index, b) - (int32_t)band; y < rows; y += l->tile_rows)
          for (int32_t x = 0; x < l->out_width; x += l->tile_columns) {
            intptr_t at = (band + y) * l->out_width + x;
            block_target t = {.output = r->output + plane + at,
                              .residual = r->epilogue->residual ? r->epilogue->residual + plane + at : 0,
                              .bias = r->epilogue->bias ? r->epilogue->bias + first : 0,
                              .plane = l->plane_out, .below = l->out_width,
                              .outputs = smaller(OUTPUTS, l->outputs - b * OUTPUTS),
                              .rows = smaller(l->tile_rows, rows - y),
                              .columns = smaller(smaller(l->tile_columns, l->out_width - x), l->plane_out - (int32_t)at),
                              .low = r->epilogue->low, .high = r->epilogue->high};
            tile(l, r->offsets + from, r->values + from * OUTPUTS, count, source + ((intptr_t)y * l->pitch + x) * 4, &t);
          }
      }
    }
  }
}

void pare_block_convolution(const pare_block_layer *l, const int64_t *begins, const uint32_t *offsets, const float *values,
                            const float *input, float *output, int64_t images, const pare_sparse_epilogue *epilogue,
                            void *scratch, int32_t threads) {
  int64_t tasks = images * l->groups * l->parts * bands(l);
  int32_t count = tasks < threads ? (int32_t)tasks : threads;
  block_run run = {l, begins, offsets, values, input, output, epilogue, scratch, tasks, count};
  pare_parallel(workers, &run, count, threads);
}
