// One instruction set's products; see EveryIsa.h.
//
// A tile is TILE_ROWS rows of x by one panel of PANEL outputs, kept in registers; weights lie in panels [inner][PANEL].
// Blocks of DEPTH steps of a panel stay in the second cache while all rows of a block pass.

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
#define ROW_BLOCK 168

typedef float K(lanes) __attribute__((vector_size(LANES * 4), aligned(4)));

static intptr_t K(packed_count)(intptr_t inner, intptr_t outputs) { return (outputs + PANEL - 1) / PANEL * PANEL * inner; }

static void K(pack)(const float *w, intptr_t inner_step, intptr_t output_step, intptr_t inner, intptr_t outputs, float *packed) {
  for (intptr_t first = 0; first < outputs; first += PANEL, packed += PANEL * inner) {
    intptr_t width = outputs - first < PANEL ? outputs - first : PANEL;
    for (intptr_t k = 0; k < inner; k++) {
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

// rows x one panel over `depth` steps; `first`: start from 0 instead of what y holds; `e`: null until the last block.
static inline __attribute__((always_inline)) void K(tile)(const intptr_t rows, const float *x, intptr_t x_step, const float *w,
                                                          float *y, intptr_t y_step, intptr_t depth, intptr_t width, int first) {
  K(lanes) sum[TILE_ROWS][TILE_VECTORS];
  for (intptr_t i = 0; i < rows; i++)
    for (intptr_t j = 0; j < TILE_VECTORS; j++) sum[i][j] = (K(lanes)){0};
  for (intptr_t k = 0; k < depth; k++) {
    K(lanes) b[TILE_VECTORS];
    // Weights are read once where rows are few: ahead of the processor's own guess.
    __builtin_prefetch(w + (k + 32) * PANEL);
    if (PANEL > 16) __builtin_prefetch(w + (k + 32) * PANEL + 16);
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
                         intptr_t depth, intptr_t width, int first) {
#define ROWS(n) case n: K(tile)(n, x, x_step, w, y, y_step, depth, width, first); break;
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

// Rows begin..<end of x by panels first_panel..<last_panel.
static void K(gemm)(const float *x, intptr_t x_step, const float *packed, float *y, intptr_t y_step, intptr_t begin,
                    intptr_t end, intptr_t inner, intptr_t outputs, intptr_t first_panel, intptr_t last_panel,
                    const pare_epilogue *e) {
  for (intptr_t block = begin; block < end; block += ROW_BLOCK) {
    intptr_t block_end = block + ROW_BLOCK < end ? block + ROW_BLOCK : end;
    // Tiles of nearly the same height instead of a short last one.
    intptr_t tiles = (block_end - block + TILE_ROWS - 1) / TILE_ROWS;
    for (intptr_t k = 0; k < inner; k += DEPTH) {
      intptr_t depth = k + DEPTH < inner ? DEPTH : inner - k;
      int is_last = k + depth == inner;
      for (intptr_t panel = first_panel; panel < last_panel; panel++) {
        intptr_t o = panel * PANEL, width = outputs - o < PANEL ? outputs - o : PANEL;
        const float *w = packed + o * inner + k * PANEL;
        for (intptr_t t = 0; t < tiles; t++) {
          intptr_t row = block + (block_end - block) * t / tiles, next = block + (block_end - block) * (t + 1) / tiles;
          K(tile_rows)(next - row, x + row * x_step + k, x_step, w, y + row * y_step + o, y_step, depth, width, k == 0);
          if (is_last && e)
            for (intptr_t i = row; i < next; i++)
              K(finish)(y + i * y_step + o, width, e->bias ? e->bias + o : 0,
                        e->residual ? e->residual + i * e->residual_step + o : 0, e);
        }
      }
    }
  }
}

static inline __attribute__((always_inline)) void K(soften)(float *restrict row, intptr_t n) {
  float partial[16];
  for (intptr_t j = 0; j < 16; j++) partial[j] = -__builtin_inff();
  intptr_t whole = n / 16 * 16;
  for (intptr_t i = 0; i < whole; i += 16)
    for (intptr_t j = 0; j < 16; j++) partial[j] = row[i + j] > partial[j] ? row[i + j] : partial[j];
  float largest = partial[0];
  for (intptr_t j = 1; j < 16; j++) largest = partial[j] > largest ? partial[j] : largest;
  for (intptr_t i = whole; i < n; i++) largest = row[i] > largest ? row[i] : largest;
  // Where nothing is finite the exponentials are 0, and their quotients NaN.
  largest = largest == -__builtin_inff() ? 0 : largest;
  for (intptr_t i = 0; i < n; i++) row[i] = exp_f32(row[i] - largest);
  for (intptr_t j = 0; j < 16; j++) partial[j] = 0;
  for (intptr_t i = 0; i < whole; i += 16)
    for (intptr_t j = 0; j < 16; j++) partial[j] += row[i + j];
  float sum = 0;
  for (intptr_t j = 0; j < 16; j++) sum += partial[j];
  for (intptr_t i = whole; i < n; i++) sum += row[i];
  float factor = 1 / sum;
  for (intptr_t i = 0; i < n; i++) row[i] *= factor;
}

// One image's head.
static void K(attend)(const pare_attention_task *t, intptr_t image, intptr_t head, float *scratch) {
  const float *q = t->q + image * t->q_image + head * t->size, *k = t->k + image * t->k_image + head * t->size;
  const float *v = t->v + image * t->v_image + head * t->value_size;
  float *y = t->y + image * t->y_image + head * t->value_size;
  const float *mask = t->mask ? t->mask + image * t->mask_image + head * t->mask_head : 0;
  float *keys = scratch, *values = keys + K(packed_count)(t->size, t->keys), *scores = values + K(packed_count)(t->keys, t->value_size);
  K(pack)(k, 1, t->k_step, t->size, t->keys, keys);
  K(pack)(v, t->v_step, 1, t->keys, t->value_size, values);
  intptr_t key_panels = (t->keys + PANEL - 1) / PANEL, value_panels = (t->value_size + PANEL - 1) / PANEL;
  for (intptr_t first = 0; first < t->positions; first += ATTENTION_ROWS) {
    intptr_t last = first + ATTENTION_ROWS < t->positions ? first + ATTENTION_ROWS : t->positions;
    K(gemm)(q + first * t->q_step, t->q_step, keys, scores, t->keys, 0, last - first, t->size, t->keys, 0, key_panels, 0);
    for (intptr_t i = first; i < last; i++) {
      float *restrict row = scores + (i - first) * t->keys;
      intptr_t n = t->keys;
      float scale = t->scale;
      if (mask) {
        const float *m = mask + i * t->mask_row;
        for (intptr_t j = 0; j < n; j++) row[j] = row[j] * scale + m[j];
      } else {
        for (intptr_t j = 0; j < n; j++) row[j] *= scale;
      }
      K(soften)(row, n);
    }
    K(gemm)(scores, t->keys, values, y + first * t->y_step, t->y_step, 0, last - first, t->keys, t->value_size, 0, value_panels, 0);
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
