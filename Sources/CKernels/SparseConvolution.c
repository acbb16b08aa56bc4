#include "CKernels.h"
#if defined(__x86_64__)
#include <immintrin.h>
#endif

enum {
  LANES = 16,
  MOST_STEPS = 8,
  AHEAD = 3, // rows between asking for the memory of an output and writing it
  PACKED_BYTES = 32 << 10, // of the first cache for the copied channels; the rest is for weights and sums
};

typedef float lanes16 __attribute__((vector_size(64), aligned(64)));

// One block of positions: of which image, where it starts.
typedef struct {
  intptr_t image, group, row, column, part;
} sparse_place;

// One piece of the rows that a block of positions sees through one column of the kernel: the same for every channel.
typedef struct {
  intptr_t source, target;       // of lane 0 of row 0: in the channel's plane, in the channel's vectors
  intptr_t below;                // from one row to the next in the plane
  intptr_t lowest, highest;      // what whole vectors read of the plane
  int32_t rows, begin, end;      // rows begin..<end of them lie in the plane
  int32_t low, high, last, leads; // lanes low..<high lie in it, low..<last of the last row; the first one to see these rows
} sparse_strip;

// Where the sums of a block of positions go, and what happens to them on the way: the same for every output but the plane.
typedef struct {
  float *output;
  const float *residual; // null: nothing is added
  intptr_t plane, start, below; // elements of a plane; the first position in it; from one row to the next
  int32_t pieces, width, count, last; // columns of a piece and of the very last one
  int32_t rows[4]; // of each piece
  float low, high;
} sparse_target;

// Channels-last bytes, and the same as planes of four channels each.
typedef struct {
  const uint8_t *source;
  uint8_t *target;
  intptr_t positions, channels;
  uint32_t flip; // turns a signed number into an unsigned one that is 128 more
} quads;

#define KERNELS "SparseConvolutionKernels.h"
#include "EveryIsa.h"

#if defined(__x86_64__)
#pragma clang attribute push(__attribute__((target("arch=x86-64-v4,avx512vnni"))), apply_to = function)
#define K(name) name##_vnni
#define K_LANES 16
#define K_VNNI 1
#include "SparseIntegerKernels.h"
#undef K
#undef K_LANES
#undef K_VNNI
#pragma clang attribute pop
#endif

static int32_t divide_up(int32_t a, int32_t b) { return (a + b - 1) / b; }
static int32_t smaller(int32_t a, int32_t b) { return a < b ? a : b; }

static intptr_t channel_vectors(const pare_sparse_layer *l) { return (intptr_t)l->kernel_width * l->phases * l->phase_rows; }
static int32_t row_blocks(const pare_sparse_layer *l) { return divide_up(l->out_height, l->lane_rows * l->steps); }
static int32_t column_blocks(const pare_sparse_layer *l) { return divide_up(l->out_width, l->lane_width); }

// Sets the blocking that follows from lanes and steps; returns the estimated cycles, below 0 if a channel does not fit.
static double block(pare_sparse_layer *l, int32_t lane_width, int32_t steps, double density, int32_t threads) {
  l->lane_width = lane_width;
  l->lane_rows = LANES / lane_width;
  l->steps = steps;
  l->phases = l->kernel_height == 1 ? 1 : l->stride_y;
  l->phase_rows = (l->kernel_height - 1) * l->dilation_y / l->stride_y + steps;
  intptr_t vectors = channel_vectors(l), fit = PACKED_BYTES / (vectors * 64);
  if (fit < 1) return -1;
  l->blocks = divide_up(l->channels, smaller((int32_t)fit, l->channels));
  l->block_channels = divide_up(l->channels, l->blocks);
  double places = (double)l->groups * row_blocks(l) * column_blocks(l);
  // Outputs are shared out when there are too few blocks of positions for all threads.
  int even = places >= 8 * threads || (int64_t)places % threads == 0;
  l->parts = even || threads > l->outputs ? 1 : threads;
  double tasks = places * l->parts, turns = (double)(int64_t)((tasks + threads - 1) / threads);
  double nonzeros = l->block_channels * l->kernel_height * l->kernel_width * density;
  double row = nonzeros * (0.5 * steps + 1) + 1.5 * steps + 8;
  double copy = vectors * l->block_channels * (1 + 0.7 * l->lane_rows) * (l->stride_x > 1 ? 2 : 1);
  return turns * l->blocks * (row * l->outputs / l->parts + copy);
}

void pare_sparse_plan(pare_sparse_layer *l, double density, int32_t threads) {
  l->plane_in = l->height * l->width;
  l->plane_out = l->out_height * l->out_width;
  // A 1x1 kernel sees no neighbours: the plane may be cut into rows of sixteen.
  if (l->kernel_height == 1 && l->kernel_width == 1 && l->stride_x == 1 && l->stride_y == 1 && l->plane_in == l->plane_out
      && l->pad_top == 0 && l->pad_left == 0) {
    l->width = l->out_width = LANES;
    l->height = l->out_height = divide_up(l->plane_in, LANES);
  }
  double best = -1;
  pare_sparse_layer chosen = *l;
  for (int32_t width = LANES; width >= 4; width /= 2)
    for (int32_t steps = 1; steps <= MOST_STEPS; steps++) {
      if (steps > 1 && (steps - 1) * (LANES / width) >= l->out_height) break;
      pare_sparse_layer candidate = *l;
      double cycles = block(&candidate, width, steps, density, threads);
      if (cycles >= 0 && (best < 0 || cycles < best)) {
        best = cycles;
        chosen = candidate;
      }
    }
  *l = chosen;
}

static int32_t tap_offset(const pare_sparse_layer *l, int32_t channel, int32_t y, int32_t x) {
  int32_t row = y * l->dilation_y;
  return (int32_t)((channel * channel_vectors(l) + x * l->phases * l->phase_rows + row % l->stride_y * l->phase_rows
                    + row / l->stride_y) * 64);
}

// Whole groups of four, which 8-bit outputs are written in.
static int32_t part_begin(const pare_sparse_layer *l, intptr_t part) {
  return part == l->parts ? l->outputs : (int32_t)(part * l->outputs / l->parts) & ~3;
}

int64_t pare_sparse_pack(const pare_sparse_layer *l, const uint32_t *weight, uint32_t ignored, int64_t *begins,
                         pare_sparse_row *rows, uint16_t *offsets, uint32_t *values) {
  int64_t taps = (int64_t)l->kernel_height * l->kernel_width, width = l->channels * taps, total = 0;
  if (!rows) {
    for (int64_t i = 0; i < width * l->outputs * l->groups; i++) total += (weight[i] & ~ignored) != 0;
    return total;
  }
  for (int32_t g = 0; g < l->groups; g++)
    for (int32_t b = 0; b < l->blocks; b++) {
      int32_t first = b * l->block_channels, end = smaller(first + l->block_channels, l->channels);
      for (int32_t part = 0; part < l->parts; part++) {
        *begins++ = total;
        int32_t from = part_begin(l, part), to = part_begin(l, part + 1);
        for (int32_t o = from; o < to; o++) {
          const uint32_t *row = weight + ((int64_t)g * l->outputs + o) * width;
          int32_t count = 0;
          for (int64_t i = first * taps; i < end * taps; i++) count += (row[i] & ~ignored) != 0;
          rows[o - from] = (pare_sparse_row){o, count};
        }
        // By count: the branch that ends a row is then foreseen. Insertion from the back keeps equal ones in order.
        for (int32_t i = 1; i < to - from; i++) {
          pare_sparse_row moved = rows[i];
          int32_t k = i;
          for (; k > 0 && rows[k - 1].count > moved.count; k--) rows[k] = rows[k - 1];
          rows[k] = moved;
        }
        for (int32_t i = 0; i < to - from; i++) {
          const uint32_t *row = weight + ((int64_t)g * l->outputs + rows[i].output) * width;
          for (int32_t c = first; c < end; c++)
            for (int32_t y = 0; y < l->kernel_height; y++)
              for (int32_t x = 0; x < l->kernel_width; x++) {
                uint32_t value = row[c * taps + y * l->kernel_width + x];
                if ((value & ~ignored) == 0) continue;
                offsets[total] = (uint16_t)tap_offset(l, c - first, y, x);
                values[total++] = value;
              }
        }
        rows += to - from;
      }
    }
  *begins = total;
  return total;
}

static int64_t packed_bytes(const pare_sparse_layer *l) { return channel_vectors(l) * l->block_channels * 64; }
static int64_t sums_bytes(const pare_sparse_layer *l) { return (int64_t)(divide_up(l->outputs, l->parts) + 4) * l->steps * 64; }

int64_t pare_sparse_scratch(const pare_sparse_layer *l, int32_t threads) { return threads * (packed_bytes(l) + sums_bytes(l)); }

typedef struct {
  const pare_sparse_layer *layer;
  const int64_t *begins;
  const pare_sparse_row *rows;
  const uint16_t *offsets;
  const void *values, *input;
  int64_t images;
  void *output;
  const pare_sparse_epilogue *epilogue;  // of f32
  const pare_integer_epilogue *integer;  // of 8 bits; null: f32
  uint32_t fill;                         // what lies outside of the images
  char *scratch;
  int64_t tasks;
  int32_t workers;
} sparse_run;

static int32_t within(intptr_t value, int32_t most) { return value < 0 ? 0 : value > most ? most : (int32_t)value; }
static intptr_t steps_to(intptr_t distance, int32_t step) { return distance <= 0 ? 0 : (distance + step - 1) / step; }

static sparse_strip strip(const pare_sparse_layer *l, sparse_place at, int32_t kx, int32_t phase, int32_t piece) {
  intptr_t x = at.column * l->stride_x + kx * l->dilation_x - l->pad_left;
  intptr_t y = at.row * l->stride_y - l->pad_top + (intptr_t)piece * l->steps * l->stride_y + phase;
  sparse_strip s = {.source = y * l->width + x,
                    .target = (kx * l->phases + phase) * l->phase_rows * LANES + piece * l->lane_width,
                    .below = (intptr_t)l->width * l->stride_y, .rows = l->phase_rows, .leads = kx == 0};
  s.begin = within(steps_to(-y, l->stride_y), s.rows);
  s.end = within(steps_to(l->height - y, l->stride_y), s.rows);
  if (s.end < s.begin) s.end = s.begin;
  s.low = within(steps_to(-x, l->stride_x), l->lane_width);
  s.high = s.last = within(steps_to(l->width - x, l->stride_x), l->lane_width);
  // The last row of a plane that was cut into rows may be short.
  intptr_t last = y + (intptr_t)(s.end - 1) * l->stride_y;
  if (last == l->height - 1) s.last = within(steps_to(l->plane_in - last * l->width - x, l->stride_x), l->lane_width);
  s.lowest = s.source + s.begin * s.below;
  s.highest = s.source + (s.end - 1) * s.below + l->lane_width * l->stride_x;
  return s;
}

static void pack_channels(const sparse_strip *strips, int32_t count, intptr_t vectors, const pare_sparse_layer *l,
                          const uint32_t *input, intptr_t plane, intptr_t all, int32_t channels, uint32_t fill,
                          uint32_t *packed) {
  DISPATCH(pack_channels, strips, count, vectors, l, input, plane, all, channels, fill, packed);
}

// The same strips for all blocks of channels of one block of positions; in turns, so that they fit here.
static void pack(const pare_sparse_layer *l, const uint32_t *input, int64_t images, sparse_place at, int32_t first,
                 int32_t count, uint32_t fill, uint32_t *packed) {
  enum { STRIPS = 64 };
  sparse_strip strips[STRIPS];
  int32_t filled = 0;
  intptr_t plane = ((at.image * l->groups + at.group) * l->channels + first) * l->plane_in;
  intptr_t all = images * l->groups * l->channels * l->plane_in;
  for (int32_t kx = 0; kx < l->kernel_width; kx++)
    for (int32_t phase = 0; phase < l->phases; phase++)
      for (int32_t piece = 0; piece < l->lane_rows; piece++) {
        strips[filled++] = strip(l, at, kx, phase, piece);
        int last = kx + 1 == l->kernel_width && phase + 1 == l->phases && piece + 1 == l->lane_rows;
        if (filled < STRIPS && !last) continue;
        pack_channels(strips, filled, channel_vectors(l), l, input, plane, all, count, fill, packed);
        filled = 0;
      }
}

// `width`: the outputs that share a plane.
static sparse_target target_of(const pare_sparse_layer *l, sparse_place at, const pare_sparse_epilogue *e, float *output,
                               int32_t width) {
  intptr_t planes = (at.image * l->groups + at.group) * l->outputs / width * l->plane_out;
  sparse_target t = {.output = output + planes, .residual = e->residual ? e->residual + planes : 0, .plane = l->plane_out,
                     .start = at.row * l->out_width + at.column, .below = l->out_width, .width = l->lane_width,
                     .low = e->low, .high = e->high};
  t.count = t.last = within(l->out_width - at.column, l->lane_width);
  for (int32_t piece = 0; piece < l->lane_rows; piece++) {
    t.rows[piece] = within(l->out_height - at.row - piece * l->steps, l->steps);
    if (t.rows[piece] > 0) t.pieces = piece + 1;
  }
  intptr_t last = at.row + (t.pieces - 1) * l->steps + t.rows[t.pieces - 1] - 1;
  if (last == l->out_height - 1) t.last = within(l->plane_out - last * l->out_width - at.column, t.count);
  return t;
}

static void rows_of(const pare_sparse_layer *l, const pare_sparse_row *rows, int32_t count, const uint16_t *offsets,
                    const float *values, const char *packed, float *sums, int32_t first, const float *bias,
                    const sparse_target *target) {
  DISPATCH(rows_of, l, rows, count, offsets, values, packed, sums, first, bias, target);
}

static void integer_rows_of(const pare_sparse_layer *l, const pare_sparse_row *rows, int32_t count, const uint16_t *offsets,
                            const uint32_t *values, const char *packed, int32_t *sums, int32_t first) {
#if defined(__x86_64__)
  if (pare_has_vnni()) return integer_rows_of_vnni(l, rows, count, offsets, values, packed, sums, first);
#endif
  DISPATCH(integer_rows_of, l, rows, count, offsets, values, packed, sums, first);
}

static void integer_finish(const sparse_target *t, const int32_t *sums, int32_t steps, int32_t from, int32_t count,
                           intptr_t channel, const pare_integer_epilogue *e) {
  DISPATCH(integer_finish, t, sums, steps, from, count, channel, e);
}

static void workers(void *context, intptr_t begin, intptr_t end) {
  const sparse_run *r = context;
  const pare_sparse_layer *l = r->layer;
  int32_t columns = column_blocks(l), down = row_blocks(l);
  for (intptr_t worker = begin; worker < end; worker++) {
    char *packed = r->scratch + worker * (packed_bytes(l) + sums_bytes(l));
    float *sums = (float *)(packed + packed_bytes(l));
    int64_t last = (worker + 1) * r->tasks / r->workers;
    for (int64_t task = worker * r->tasks / r->workers; task < last; task++) {
      int64_t rest = task;
      sparse_place at;
      at.column = rest % columns * l->lane_width, rest /= columns;
      at.row = rest % down * l->lane_rows * l->steps, rest /= down;
      at.part = rest % l->parts, rest /= l->parts;
      at.group = rest % l->groups, at.image = rest / l->groups;
      int32_t from = part_begin(l, at.part), count = part_begin(l, at.part + 1) - from;
      sparse_target target = target_of(l, at, r->epilogue, r->output, r->integer && !r->integer->as_float ? 4 : 1);
      float *own = sums - (int64_t)from * l->steps * LANES;
      for (int32_t b = 0; b < l->blocks; b++) {
        int32_t first = b * l->block_channels;
        pack(l, r->input, r->images, at, first, smaller(l->block_channels, l->channels - first), r->fill, (uint32_t *)packed);
        int64_t of = at.group * l->blocks + b, begin = r->begins[of * l->parts + at.part];
        const pare_sparse_row *rows = r->rows + of * l->outputs + from;
        const uint32_t *values = (const uint32_t *)r->values + begin;
        if (r->integer)
          integer_rows_of(l, rows, count, r->offsets + begin, values, packed, (int32_t *)own, b == 0);
        else
          rows_of(l, rows, count, r->offsets + begin, (const float *)values, packed, own, b == 0,
                  r->epilogue->bias ? r->epilogue->bias + at.group * l->outputs : 0, b + 1 == l->blocks ? &target : 0);
      }
      if (r->integer) integer_finish(&target, (const int32_t *)own, l->steps, from, count, at.group * l->outputs, r->integer);
    }
  }
}

static void run(sparse_run *r, int32_t threads) {
  const pare_sparse_layer *l = r->layer;
  r->tasks = r->images * l->groups * l->parts * row_blocks(l) * column_blocks(l);
  r->workers = r->tasks < threads ? (int32_t)r->tasks : threads;
  pare_parallel(workers, r, r->workers, threads);
}

void pare_sparse_convolution(const pare_sparse_layer *l, const int64_t *begins, const pare_sparse_row *rows,
                             const uint16_t *offsets, const uint32_t *values, const float *input, float *output,
                             int64_t images, const pare_sparse_epilogue *epilogue, void *scratch, int32_t threads) {
  sparse_run r = {.layer = l, .begins = begins, .rows = rows, .offsets = offsets, .values = values, .input = input,
                  .output = output, .images = images, .epilogue = epilogue, .scratch = scratch};
  run(&r, threads);
}

void pare_sparse_convolution_i8(const pare_sparse_layer *l, const int64_t *begins, const pare_sparse_row *rows,
                                const uint16_t *offsets, const uint32_t *values, const uint32_t *input, void *output,
                                int64_t images, uint8_t zero, const pare_integer_epilogue *epilogue, void *scratch,
                                int32_t threads) {
  pare_sparse_epilogue added = {.residual = (const float *)epilogue->residual};
  sparse_run r = {.layer = l, .begins = begins, .rows = rows, .offsets = offsets, .values = values, .input = input,
                  .output = output, .images = images,
                  .epilogue = &added, .integer = epilogue,
                  .fill = zero * 0x01010101u, .scratch = scratch};
  run(&r, threads);
}

static void to_quads(const quads *q, intptr_t begin, intptr_t end) { DISPATCH(to_quads, q, begin, end); }
static void from_quads(const quads *q, intptr_t begin, intptr_t end) { DISPATCH(from_quads, q, begin, end); }
static void to_quads_part(void *context, intptr_t begin, intptr_t end) { to_quads(context, begin, end); }
static void from_quads_part(void *context, intptr_t begin, intptr_t end) { from_quads(context, begin, end); }

// Strips of sixteen positions of one image are the unit that threads share.
void pare_channels_to_quads(const uint8_t *source, uint32_t *target, intptr_t images, intptr_t positions, intptr_t channels,
                            int32_t is_signed, int32_t threads) {
  quads q = {source, (uint8_t *)target, positions, channels, is_signed ? 0x80808080u : 0};
  pare_parallel(to_quads_part, &q, images * ((positions + 15) / 16), threads);
}

void pare_quads_to_channels(const uint32_t *source, uint8_t *target, intptr_t images, intptr_t positions, intptr_t channels,
                            int32_t is_signed, int32_t threads) {
  quads q = {(const uint8_t *)source, target, positions, channels, is_signed ? 0x80808080u : 0};
  pare_parallel(from_quads_part, &q, images * ((positions + 15) / 16), threads);
}
