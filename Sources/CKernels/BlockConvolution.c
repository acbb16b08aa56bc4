#include "CKernels.h"
#include <string.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

enum {
  OUTPUTS = 16,
  CHUNK = 14,  // positions whose sums are held in registers together; a tile has two chunks
  TILE = 28,
  MOST_POINTWISE = 2048, // channels of a 1x1 kernel up to which a tile of few positions stays close
  BAND_BYTES = 640 << 10, // of the second cache for the copied inputs of a band
};

// Where a tile's sums go.
typedef struct {
  float *output;         // of the block's first output, at the tile's first position
  const float *residual; // the same of what is added; null: nothing
  const float *bias;     // of the block's first output; null: 0
  intptr_t plane, below; // positions of a plane, and from one row to the next
  int32_t outputs, rows, columns, skip; // what is stored: of each row the columns skip..<columns
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

// A copied channel; whole vectors may write beyond its last row.
static intptr_t channel_elements(const pare_block_layer *l) { return (intptr_t)l->phases_y * l->phases_x * l->rows * l->pitch + 16; }

static void set_band(pare_block_layer *l, int32_t tiles_down) {
  l->band_rows = tiles_down * l->tile_rows;
  l->rows = l->band_rows + (l->kernel_height - 1) * l->dilation_y / l->stride_y;
}

// A 1x1 kernel on images in blocks of channels: no copy, and a tile's inputs stay in the first cache for all its outputs.
static int plan_points(pare_block_layer *l, int32_t threads) {
  if (!l->blocked_source || !l->blocked_target || l->channels > MOST_POINTWISE || l->plane_in < TILE / 4) return 0;
  l->points = l->channels <= 256 ? TILE : l->channels <= 512 ? TILE / 2 : TILE / 4;
  while (l->points > l->plane_in) l->points /= 2;
  // Both threads read all inputs, or all weights: whichever are fewer.
  l->by_outputs = l->outputs > 16 * l->plane_in;
  l->parts = l->by_outputs || divide_up(l->plane_in, l->points) % threads != 0 ? smaller(threads, output_blocks(l)) : 1;
  return 1;
}

void pare_block_plan(pare_block_layer *l, int32_t threads) {
  l->plane_in = l->height * l->width;
  l->plane_out = l->out_height * l->out_width;
  l->blocked_source = l->channels % 16 == 0;
  l->blocked_target = l->outputs % 16 == 0;
  l->points = l->by_outputs = l->shared = 0;
  if (l->kernel_height == 1 && l->kernel_width == 1 && l->stride_x == 1 && l->stride_y == 1 && l->plane_in == l->plane_out
      && l->pad_top == 0 && l->pad_left == 0) {
    if (plan_points(l, threads)) return;
    // No neighbours: the plane is one line, cut into rows of a tile.
    l->width = l->out_width = TILE;
    l->height = l->out_height = divide_up(l->plane_in, TILE);
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

// Where a kernel position finds its first input.
static intptr_t tap_elements(const pare_block_layer *l, intptr_t channel, intptr_t row, intptr_t column) {
  if (l->points) return channel / 16 * l->plane_in * 16 + channel % 16;
  intptr_t y = row * l->dilation_y, x = column * l->dilation_x, phase = y % l->stride_y * l->phases_x + x % l->stride_x;
  return channel * channel_elements(l) + (phase * l->rows + y / l->stride_y) * l->pitch + x / l->stride_x;
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
          offsets[total] = (uint32_t)(tap_elements(l, i / taps, i % taps / l->kernel_width, i % l->kernel_width) * 4);
          for (int32_t o = 0; o < OUTPUTS; o++) values[total * OUTPUTS + o] = o < outputs ? block[o * width + i] : 0;
        }
        total++;
      }
    }
  if (begins) *begins = total;
  return total;
}

static int64_t packed_bytes(const pare_block_layer *l) {
  return l->points ? 0 : (channel_elements(l) * l->channels * 4 + 127) / 64 * 64;
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

static void pack_block(const pare_block_layer *l, const float *block, intptr_t first_row, float *target, intptr_t channel) {
  DISPATCH(pack_block, l, block, first_row, target, channel);
}

static void tile(const pare_block_layer *l, const uint32_t *offsets, const float *values, int64_t count, const char *packed,
                 const block_target *target) {
  DISPATCH(tile, l->tile_rows, l->blocked_target, offsets, values, count, packed, (intptr_t)l->pitch, target);
}

static void points(int32_t number, const uint32_t *offsets, const float *values, int64_t count, const char *source,
                   const block_target *target) {
  DISPATCH(points, number, offsets, values, count, source, target);
}

// The target of a block of outputs at a position of its plane.
static block_target target_at(const block_run *r, intptr_t image, intptr_t group, int32_t block, intptr_t at) {
  const pare_block_layer *l = r->layer;
  intptr_t first = group * l->outputs + (intptr_t)block * OUTPUTS;
  intptr_t place = (image * l->groups * l->outputs + first) * l->plane_out + at * (l->blocked_target ? OUTPUTS : 1);
  return (block_target){.output = r->output + place,
                        .residual = r->epilogue->residual ? r->epilogue->residual + place : 0,
                        .bias = r->epilogue->bias ? r->epilogue->bias + first : 0,
                        .plane = l->plane_out,
                        .below = l->out_width,
                        .outputs = smaller(OUTPUTS, l->outputs - block * OUTPUTS),
                        .rows = 1,
                        .low = r->epilogue->low,
                        .high = r->epilogue->high};
}

// Tiles of a 1x1 kernel where the source lies: each tile for all outputs of a part.
static void point_workers(void *context, intptr_t begin, intptr_t end) {
  const block_run *r = context;
  const pare_block_layer *l = r->layer;
  int32_t blocks = output_blocks(l), tiles = divide_up(l->plane_in, l->points);
  intptr_t units = r->tasks / l->parts;
  for (intptr_t worker = begin; worker < end; worker++) {
    int64_t last = (worker + 1) * r->tasks / r->workers;
    for (int64_t task = worker * r->tasks / r->workers; task < last; task++) {
      intptr_t part = l->by_outputs ? task / units : task % l->parts, unit = l->by_outputs ? task % units : task / l->parts;
      intptr_t group = unit / tiles % l->groups, image = unit / tiles / l->groups;
      int32_t start = (int32_t)(unit % tiles) * l->points, rest = l->plane_in - start;
      int32_t number = smaller(l->points, rest > TILE / 2 ? TILE : rest > TILE / 4 ? TILE / 2 : TILE / 4);
      // The last tile begins earlier, and stores what is new.
      int32_t at = smaller(start, l->plane_in - number);
      const float *input = r->input + ((image * l->groups + group) * l->channels * l->plane_in + at * 16);
      for (int32_t b = (int32_t)(part * blocks / l->parts); b < (part + 1) * blocks / l->parts; b++) {
        int64_t from = r->begins[group * blocks + b], count = r->begins[group * blocks + b + 1] - from;
        block_target t = target_at(r, image, group, b, at);
        t.skip = start - at;
        t.columns = number;
        points(number, r->offsets + from, r->values + from * OUTPUTS, count, (const char *)input, &t);
      }
    }
  }
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
      intptr_t channel = channel_elements(l);
      for (int32_t c = 0; c < l->channels; c += l->blocked_source ? 16 : 1) {
        float *target = (float *)packed + c * channel;
        if (l->blocked_source) pack_block(l, input + (intptr_t)c * l->plane_in, band, target, channel);
        else pack_plane(l, input + (intptr_t)c * l->plane_in, band, target);
      }
      for (int32_t b = (int32_t)(part * blocks / l->parts); b < (part + 1) * blocks / l->parts; b++) {
        int64_t from = r->begins[group * blocks + b], count = r->begins[group * blocks + b + 1] - from;
        int32_t rows = smaller(band_begin(l, index + 1, b), l->out_height) - (int32_t)band;
        for (int32_t y = band_begin(l, index, b) - (int32_t)band; y < rows; y += l->tile_rows)
          for (int32_t x = 0; x < l->out_width; x += l->tile_columns) {
            intptr_t at = (band + y) * l->out_width + x;
            block_target t = target_at(r, image, group, b, at);
            t.rows = smaller(l->tile_rows, rows - y);
            t.columns = smaller(smaller(l->tile_columns, l->out_width - x), l->plane_out - (int32_t)at);
            tile(l, r->offsets + from, r->values + from * OUTPUTS, count, packed + ((intptr_t)y * l->pitch + x) * 4, &t);
          }
      }
    }
  }
}

void pare_block_convolution(const pare_block_layer *l, const int64_t *begins, const uint32_t *offsets, const float *values,
                            const float *input, float *output, int64_t images, const pare_sparse_epilogue *epilogue,
                            void *scratch, int32_t threads) {
  int64_t tasks = images * l->groups * l->parts * (l->points ? divide_up(l->plane_in, l->points) : bands(l));
  int32_t count = tasks < threads ? (int32_t)tasks : threads;
  block_run run = {l, begins, offsets, values, input, output, epilogue, scratch, tasks, count};
  pare_parallel(l->points ? point_workers : workers, &run, count, threads);
}
