// One instruction set's products; see EveryIsa.h.
//
// A tile is TILE_ROWS rows of x by one panel of PANEL outputs, kept in registers; weights lie in panels [inner][PANEL].
// Blocks of DEPTH steps of a panel stay in the second cache while all rows of a block pass; meanwhile the block that
// comes next is fetched.

#if K_LANES == 16
#define LANES 16
#define TILE_ROWS 14
#define TILE_VECTORS 2
#elif K_LANES == 8
#define LANES 8
#define TILE_ROWS 6
#define TILE_VECTORS 2
#else
#define LANES 4
#define TILE_ROWS 4
#define TILE_VECTORS 2
#endif
#define PANEL (LANES * TILE_VECTORS)
#define DEPTH 512
#define ROW_BLOCK 224
#define RESIDENT (1 << 18) // floats of x that stay in the second cache

typedef float K(lanes) __attribute__((vector_size(LANES * 4), aligned(4)));

static intptr_t K(packed_count)(intptr_t inner, intptr_t outputs) { return (outputs + PANEL - 1) / PANEL * PANEL * inner; }

static void K(pack)(const float *w, intptr_t inner_step, intptr_t output_step, pare_weight_part part, intptr_t inner, float *packed) {
  packed += part.output * inner + part.step * PANEL;
  for (intptr_t first = 0; first < part.outputs; first += PANEL, packed += PANEL * inner) {
    intptr_t width = part.outputs - first < PANEL ? part.outputs - first : PANEL;
    for (intptr_t k = 0; k < part.steps; k++) {
      const float *from = w + k * inner_step + first * output_step;
      float *to = packed + k * PANEL;
      for (intptr_t o = 0; o < width; o++) to[o] = from[o * output_step];
      for (intptr_t o = width; o < PANEL; o++) to[o] = 0;
    }
  }
}

static inline __attribute__((always_inline)) void K(finish)(float *restrict y, intptr_t n, const float *bias, const float *residual,
                                                            const pare_epilogue *e) {
  if (bias) for (intptr_t i = 0; i < n; i++) y[i] += bias[i];
  if (residual) for (intptr_t i = 0; i < n; i++) y[i] += residual[i];
  switch (e->then) {
    case PARE_THEN_LIMIT: {
      float lower = e->lower, upper = e->upper;
      if (lower == -__builtin_inff() && upper == __builtin_inff()) break;
      for (intptr_t i = 0; i < n; i++) {
        float v = y[i];
        v = v < lower ? lower : v;
        y[i] = v > upper ? upper : v;
      }
      break;
    }
    case PARE_THEN_GELU: for (intptr_t i = 0; i < n; i++) y[i] = 0.5f * y[i] * (1.0f + erf_f32(y[i] * 0.70710678f)); break;
    case PARE_THEN_GELU_TANH:
      for (intptr_t i = 0; i < n; i++) {
        float v = y[i];
        y[i] = 0.5f * v * (1.0f + tanh_f32(0.79788456f * (v + 0.044715f * v * v * v)));
      }
      break;
    case PARE_THEN_SILU: for (intptr_t i = 0; i < n; i++) y[i] *= sigmoid_f32(y[i]); break;
    case PARE_THEN_SIGMOID: for (intptr_t i = 0; i < n; i++) y[i] = sigmoid_f32(y[i]); break;
    case PARE_THEN_TANH: for (intptr_t i = 0; i < n; i++) y[i] = tanh_f32(y[i]); break;
  }
}

static void K(finish_rows)(float *y, intptr_t y_step, intptr_t rows, intptr_t outputs, const pare_epilogue *e) {
  for (intptr_t i = 0; i < rows; i++)
    K(finish)(y + i * y_step, outputs, e->bias, e->residual ? e->residual + i * e->residual_step : 0, e);
}

// rows x one panel over `depth` steps; `first`: start from 0 instead of what y holds; each step asks for `stride` floats
// more of the weights `ahead`.
static inline __attribute__((always_inline)) void K(tile)(const intptr_t rows, const float *x, intptr_t x_step, const float *w,
                                                          float *y, intptr_t y_step, intptr_t depth, intptr_t width, int first,
                                                          const float *ahead, intptr_t stride) {
  K(lanes) sum[TILE_ROWS][TILE_VECTORS];
  for (intptr_t i = 0; i < rows; i++)
    for (intptr_t j = 0; j < TILE_VECTORS; j++) sum[i][j] = (K(lanes)){0};
  for (intptr_t k = 0; k < depth; k++) {
    K(lanes) b[TILE_VECTORS];
    __builtin_prefetch(ahead + k * stride, 0, 2);
    if (PANEL > 16) __builtin_prefetch(ahead + k * stride + 16, 0, 2);
#pragma clang loop unroll(full)
    for (intptr_t j = 0; j < TILE_VECTORS; j++) b[j] = *(const K(lanes) *)(w + k * PANEL + j * LANES);
#pragma clang loop unroll(full)
    for (intptr_t i = 0; i < rows; i++)
#pragma clang loop unroll(full)
      for (intptr_t j = 0; j < TILE_VECTORS; j++) sum[i][j] += x[i * x_step + k] * b[j];
  }
  if (width == PANEL) {
#pragma clang loop unroll(full)
    for (intptr_t i = 0; i < rows; i++)
#pragma clang loop unroll(full)
      for (intptr_t j = 0; j < TILE_VECTORS; j++) {
        K(lanes) *to = (K(lanes) *)(y + i * y_step + j * LANES);
        *to = first ? sum[i][j] : *to + sum[i][j];
      }
  } else {
    float rest[TILE_ROWS][PANEL];
#pragma clang loop unroll(full)
    for (intptr_t i = 0; i < rows; i++)
#pragma clang loop unroll(full)
      for (intptr_t j = 0; j < TILE_VECTORS; j++) *(K(lanes) *)(rest[i] + j * LANES) = sum[i][j];
    for (intptr_t i = 0; i < rows; i++)
      for (intptr_t o = 0; o < width; o++) y[i * y_step + o] = (first ? 0 : y[i * y_step + o]) + rest[i][o];
  }
}

static void K(tile_rows)(intptr_t rows, const float *x, intptr_t x_step, const float *w, float *y, intptr_t y_step,
                         intptr_t depth, intptr_t width, int first, const float *ahead, intptr_t stride) {
#define ROWS(n) case n: K(tile)(n, x, x_step, w, y, y_step, depth, width, first, ahead, stride); break;
  switch (rows) {
    ROWS(1) ROWS(2) ROWS(3) ROWS(4)
#if TILE_ROWS > 4
    ROWS(5) ROWS(6)
#endif
#if TILE_ROWS > 6
    ROWS(7) ROWS(8) ROWS(9) ROWS(10) ROWS(11) ROWS(12) ROWS(13) ROWS(14)
#endif
  }
#undef ROWS
}

// What all tiles of a product share.
typedef struct {
  const float *x, *packed;
  float *y;
  intptr_t x_step, y_step, begin, end, inner, outputs;
  const pare_epilogue *e;
} K(rows);

// The rows by steps k..<k + depth of one panel; `next` are the weights that are needed after these.
static void K(panel)(const K(rows) *r, intptr_t panel, intptr_t k, intptr_t depth, const float *next) {
  intptr_t o = panel * PANEL, width = r->outputs - o < PANEL ? r->outputs - o : PANEL, rows = r->end - r->begin;
  const float *w = r->packed + o * r->inner + k * PANEL;
  const pare_epilogue *e = k + depth == r->inner ? r->e : 0;
  // Tiles of nearly the same height instead of a short last one.
  intptr_t tiles = (rows + TILE_ROWS - 1) / TILE_ROWS, stride = (PANEL + tiles - 1) / tiles;
  for (intptr_t t = 0; t < tiles; t++) {
    intptr_t row = r->begin + rows * t / tiles, end = r->begin + rows * (t + 1) / tiles;
    // Weights that are read once are asked for a little ahead of the processor's own guess.
    const float *ahead = tiles == 1 ? w + 32 * PANEL : next + PANEL * depth * t / tiles;
    K(tile_rows)(end - row, r->x + row * r->x_step + k, r->x_step, w, r->y + row * r->y_step + o, r->y_step, depth, width, k == 0,
                 ahead, stride);
    if (!e) continue;
    for (intptr_t i = row; i < end; i++) {
      float *to = r->y + i * r->y_step + o;
      const float *bias = e->bias ? e->bias + o : 0, *residual = e->residual ? e->residual + i * e->residual_step + o : 0;
      // A whole panel has a known number of vectors.
      if (width == PANEL) K(finish)(to, PANEL, bias, residual, e);
      else K(finish)(to, width, bias, residual, e);
    }
  }
}

// Rows begin..<end of x by panels first_panel..<last_panel.
static void K(gemm)(const float *x, intptr_t x_step, const float *packed, float *y, intptr_t y_step, intptr_t begin,
                    intptr_t end, intptr_t inner, intptr_t outputs, intptr_t first_panel, intptr_t last_panel,
                    const pare_epilogue *e) {
  intptr_t blocks = (end - begin + ROW_BLOCK - 1) / ROW_BLOCK, panels = last_panel - first_panel;
  // Equal steps: a short last one would store its sums as often as a long one.
  intptr_t steps = (inner + DEPTH - 1) / DEPTH, depth = steps ? (inner + steps - 1) / steps : 0;
  for (intptr_t b = 0; b < blocks; b++) {
    K(rows) r = {x, packed, y, x_step, y_step, begin + (end - begin) * b / blocks, begin + (end - begin) * (b + 1) / blocks,
                 inner, outputs, e};
    // Where x stays in the second cache, a panel's outputs are finished one after another; else all are after each step.
    int by_panel = (r.end - r.begin) * inner <= RESIDENT;
    for (intptr_t i = 0; i < panels * steps; i++) {
      intptr_t panel[2], k[2];
      for (int j = 0; j < 2; j++) {
        intptr_t at = (i + j) % (panels * steps);
        panel[j] = first_panel + (by_panel ? at / steps : at % panels);
        k[j] = (by_panel ? at % steps : at / panels) * depth;
      }
      K(panel)(&r, panel[0], k[0], inner - k[0] < depth ? inner - k[0] : depth, packed + panel[1] * PANEL * inner + k[1] * PANEL);
    }
  }
}

// n is a multiple of 16.
static inline __attribute__((always_inline)) void K(soften)(float *restrict row, intptr_t n) {
  float partial[16];
  for (intptr_t j = 0; j < 16; j++) partial[j] = -__builtin_inff();
  for (intptr_t i = 0; i < n; i += 16)
    for (intptr_t j = 0; j < 16; j++) partial[j] = row[i + j] > partial[j] ? row[i + j] : partial[j];
  float largest = partial[0];
  for (intptr_t j = 1; j < 16; j++) largest = partial[j] > largest ? partial[j] : largest;
  // Where nothing is finite the exponentials are 0, and their quotients NaN.
  largest = largest == -__builtin_inff() ? 0 : largest;
  for (intptr_t j = 0; j < 16; j++) partial[j] = 0;
  for (intptr_t i = 0; i < n; i += 16)
    for (intptr_t j = 0; j < 16; j++) {
      // What is as good as nothing is 0: numbers below the normal ones are slow.
      float x = row[i + j] - largest, e = exp_negative_f32(x);
      row[i + j] = x < -87.0f ? 0.0f : e;
      partial[j] += row[i + j];
    }
  float sum = 0;
  for (intptr_t j = 0; j < 16; j++) sum += partial[j];
  float factor = 1 / sum;
  for (intptr_t i = 0; i < n; i++) row[i] *= factor;
}

// One image's head.
static void K(attend)(const pare_attention_task *t, intptr_t image, intptr_t head, float *scratch) {
  const float *q = t->q + image * t->q_image + head * t->size, *k = t->k + image * t->k_image + head * t->size;
  const float *v = t->v + image * t->v_image + head * t->value_size;
  float *y = t->y + image * t->y_image + head * t->value_size;
  const float *mask = t->mask ? t->mask + image * t->mask_image + head * t->mask_head : 0;
  intptr_t key_panels = (t->keys + PANEL - 1) / PANEL, value_panels = (t->value_size + PANEL - 1) / PANEL;
  // Rows of scores are whole panels and vectors of 16, and end in keys that are not there.
  intptr_t n = t->keys, outputs = key_panels * PANEL, whole = (n + 15) / 16 * 16, step = whole > outputs ? whole : outputs;
  float *keys = scratch, *values = keys + K(packed_count)(t->size, n), *scores = values + K(packed_count)(n, t->value_size);
  K(pack)(k, 1, t->k_step, (pare_weight_part){0, t->size, 0, n}, t->size, keys);
  K(pack)(v, t->v_step, 1, (pare_weight_part){0, n, 0, t->value_size}, n, values);
  for (intptr_t first = 0; first < t->positions; first += ATTENTION_ROWS) {
    intptr_t last = first + ATTENTION_ROWS < t->positions ? first + ATTENTION_ROWS : t->positions;
    K(gemm)(q + first * t->q_step, t->q_step, keys, scores, step, 0, last - first, t->size, outputs, 0, key_panels, 0);
    for (intptr_t i = first; i < last; i++) {
      float *restrict row = scores + (i - first) * step;
      float scale = t->scale;
      if (mask) {
        const float *m = mask + i * t->mask_row;
        for (intptr_t j = 0; j < n; j++) row[j] = row[j] * scale + m[j];
      } else {
        for (intptr_t j = 0; j < whole; j++) row[j] *= scale;
      }
      for (intptr_t j = n; j < whole; j++) row[j] = -__builtin_inff();
      K(soften)(row, whole);
    }
    K(gemm)(scores, step, values, y + first * t->y_step, t->y_step, 0, last - first, n, t->value_size, 0, value_panels, 0);
  }
}

static void K(norm)(const float *x, float *y, intptr_t begin, intptr_t end, intptr_t n, const float *scale,
                    const float *shift, float epsilon) {
  for (intptr_t row = begin; row < end; row++) {
    const float *restrict in = x + row * n;
    float *restrict out = y + row * n;
    float partial[16] = {0};
    intptr_t whole = n / 16 * 16;
    for (intptr_t i = 0; i < whole; i += 16)
      for (intptr_t j = 0; j < 16; j++) partial[j] += in[i + j];
    float sum = 0;
    for (intptr_t j = 0; j < 16; j++) sum += partial[j];
    for (intptr_t i = whole; i < n; i++) sum += in[i];
    float mean = sum / n;
    for (intptr_t j = 0; j < 16; j++) partial[j] = 0;
    for (intptr_t i = 0; i < whole; i += 16)
      for (intptr_t j = 0; j < 16; j++) partial[j] += (in[i + j] - mean) * (in[i + j] - mean);
    float squares = 0;
    for (intptr_t j = 0; j < 16; j++) squares += partial[j];
    for (intptr_t i = whole; i < n; i++) squares += (in[i] - mean) * (in[i] - mean);
    float factor = 1 / __builtin_sqrtf(squares / n + epsilon);
    if (shift) for (intptr_t i = 0; i < n; i++) out[i] = (in[i] - mean) * factor * scale[i] + shift[i];
    else for (intptr_t i = 0; i < n; i++) out[i] = (in[i] - mean) * factor * scale[i];
  }
}

static intptr_t K(panels)(intptr_t outputs) { return (outputs + PANEL - 1) / PANEL; }

#undef LANES
#undef TILE_ROWS
#undef TILE_VECTORS
#undef PANEL
#undef DEPTH
#undef ROW_BLOCK
#undef RESIDENT
