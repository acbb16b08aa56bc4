// One instruction set's grids; see EveryIsa.h. Products and sums are rounded one by one.

static inline __attribute__((always_inline)) int32_t K(on_grid)(float x, float scale, float lowest, float highest, int32_t zero) {
  float v = x / scale;
  v = v > lowest ? v : lowest;
  v = v < highest ? v : highest;
  // Leaves the nearest whole number, half to even, in the last bits.
  float shifted = v + 12582912.0f;
  return (int32_t)(bits_f32(shifted) - 0x4b400000u) + zero;
}

#define LOWEST(g) ((float)((g.is_signed ? -128 : 0) - g.zero))
#define HIGHEST(g) ((float)((g.is_signed ? 127 : 255) - g.zero))

static void K(quantize)(const float *restrict x, uint8_t *restrict q, intptr_t n, pare_grid g) {
  float lowest = LOWEST(g), highest = HIGHEST(g);
  for (intptr_t i = 0; i < n; i++) q[i] = (uint8_t)K(on_grid)(x[i], g.scale, lowest, highest, g.zero);
}

static void K(dequantize)(const uint8_t *restrict q, float *restrict x, intptr_t n, pare_grid g) {
  if (g.is_signed) for (intptr_t i = 0; i < n; i++) x[i] = (float)((int32_t)(int8_t)q[i] - g.zero) * g.scale;
  else for (intptr_t i = 0; i < n; i++) x[i] = (float)((int32_t)q[i] - g.zero) * g.scale;
}

#define ADD(A, B)                                                                                  \
  for (intptr_t i = 0; i < n; i++) {                                                               \
    float x = (float)((int32_t)(A)a[i] - ga.zero) * ga.scale;                                      \
    float y = (float)((int32_t)(B)b[i] - gb.zero) * gb.scale;                                      \
    float s = x + y;                                                                               \
    s = s < lower ? lower : s;                                                                     \
    s = s > upper ? upper : s;                                                                     \
    q[i] = (uint8_t)K(on_grid)(s, g.scale, lowest, highest, g.zero);                               \
  }

static void K(integer_add)(const uint8_t *restrict a, pare_grid ga, const uint8_t *restrict b, pare_grid gb,
                           uint8_t *restrict q, pare_grid g, float lower, float upper, intptr_t n) {
  float lowest = LOWEST(g), highest = HIGHEST(g);
  if (ga.is_signed && gb.is_signed) ADD(int8_t, int8_t)
  else if (ga.is_signed) ADD(int8_t, uint8_t)
  else if (gb.is_signed) ADD(uint8_t, int8_t)
  else ADD(uint8_t, uint8_t)
}
#undef ADD
#undef LOWEST
#undef HIGHEST

// 24 independent chains of multiply-adds; returns their number times the lanes.
typedef float K(wide) __attribute__((vector_size(4 * K_LANES), aligned(4)));
static intptr_t K(multiply_adds)(intptr_t rounds, float *sink) {
  enum { CHAINS = K_LANES == 16 ? 24 : 12 };
  K(wide) sum[CHAINS], a, b;
  for (size_t i = 0; i < sizeof a / 4; i++) a[i] = 0.5f + *sink, b[i] = 0.25f + *sink;
#pragma clang loop unroll(full)
  for (int j = 0; j < CHAINS; j++) sum[j] = a * (float)j;
  for (intptr_t r = 0; r < rounds; r++)
#pragma clang loop unroll(full)
    for (int j = 0; j < CHAINS; j++) {
#pragma clang fp contract(fast)
      sum[j] = sum[j] * a + b;
    }
  for (int j = 1; j < CHAINS; j++) sum[0] += sum[j];
  *sink = sum[0][0] > 1e30f;
  return rounds * CHAINS * (intptr_t)(sizeof a / 4);
}

static float K(read_all)(const float *x, intptr_t n) {
  K(wide) sum[8] = {0};
  const intptr_t lanes = sizeof sum[0] / 4;
  for (intptr_t i = 0; i + 8 * lanes <= n; i += 8 * lanes)
#pragma clang loop unroll(full)
    for (int j = 0; j < 8; j++) sum[j] += *(const K(wide) *)(x + i + j * lanes);
  for (int j = 1; j < 8; j++) sum[0] += sum[j];
  return sum[0][0];
}
