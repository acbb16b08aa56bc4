// One instruction set's rows of conversions and copies; see EveryIsa.h.

#define EACH(R, X, EXPR)                                \
  {                                                     \
    R *restrict out = r;                                \
    const X *restrict in = p;                           \
    for (intptr_t i = 0; i < n; i++) {                  \
      X x = in[i];                                      \
      out[i] = EXPR;                                    \
    }                                                   \
    return 1;                                           \
  }

// Dense rows of the pairs that need no step between; returns 0 for the others.
static int K(convert_dense)(pare_element to, void *r, pare_element from, const void *p, intptr_t n) {
  switch (from) {
    case PARE_F32:
      switch (to) {
        case PARE_F32: memcpy(r, p, (size_t)n * 4); return 1;
        case PARE_F64: EACH(double, float, x)
        case PARE_F16: EACH(_Float16, float, (_Float16)x)
        case PARE_BF16: EACH(uint16_t, float, bf16_of_f32(x))
        case PARE_I8: EACH(int8_t, float, (int8_t)(int32_t)within_f32(x, -128, 127))
        case PARE_U8: EACH(uint8_t, float, (uint8_t)(int32_t)within_f32(x, 0, 255))
        case PARE_I16: EACH(int16_t, float, (int16_t)(int32_t)within_f32(x, -32768, 32767))
        case PARE_U16: EACH(uint16_t, float, (uint16_t)(int32_t)within_f32(x, 0, 65535))
        case PARE_I32: EACH(int32_t, float, i32_of_f32(x))
        case PARE_I64: EACH(int64_t, float, i64_of_f32(x))
        case PARE_BOOL: EACH(uint8_t, float, x != 0)
      }
      return 0;
    case PARE_F64:
      switch (to) {
        case PARE_F32: EACH(float, double, (float)x)
        case PARE_F64: memcpy(r, p, (size_t)n * 8); return 1;
        case PARE_F16: EACH(_Float16, double, (_Float16)f32_to_odd(x))
        case PARE_BF16: EACH(uint16_t, double, bf16_of_f32(f32_to_odd(x)))
        case PARE_I8: EACH(int8_t, double, (int8_t)(int32_t)within_f64(x, -128, 127))
        case PARE_U8: EACH(uint8_t, double, (uint8_t)(int32_t)within_f64(x, 0, 255))
        case PARE_I16: EACH(int16_t, double, (int16_t)(int32_t)within_f64(x, -32768, 32767))
        case PARE_U16: EACH(uint16_t, double, (uint16_t)(int32_t)within_f64(x, 0, 65535))
        case PARE_I32: EACH(int32_t, double, i32_of_f64(x))
        case PARE_I64: EACH(int64_t, double, i64_of_f64(x))
        case PARE_BOOL: EACH(uint8_t, double, x != 0)
      }
      return 0;
    case PARE_F16:
      if (to == PARE_F32) EACH(float, _Float16, (float)x)
      if (to == PARE_F64) EACH(double, _Float16, (double)(float)x)
      return 0;
    case PARE_BF16:
      if (to == PARE_F32) EACH(float, uint16_t, f32_of_bf16(x))
      if (to == PARE_F64) EACH(double, uint16_t, f32_of_bf16(x))
      return 0;

#define WIDENED(X)                               \
  switch (to) {                                  \
    case PARE_F32: EACH(float, X, (float)x)      \
    case PARE_F64: EACH(double, X, (double)x)    \
    case PARE_I32: EACH(int32_t, X, (int32_t)x)  \
    case PARE_I64: EACH(int64_t, X, (int64_t)x)  \
    default: return 0;                           \
  }
    case PARE_I8: WIDENED(int8_t)
    case PARE_U8: case PARE_BOOL: WIDENED(uint8_t)
    case PARE_I16: WIDENED(int16_t)
    case PARE_U16: WIDENED(uint16_t)
#undef WIDENED

#define WHOLE(X)                                               \
  switch (to) {                                                \
    case PARE_F32: EACH(float, X, (float)x)                    \
    case PARE_F64: EACH(double, X, (double)x)                  \
    case PARE_I8: case PARE_U8: EACH(uint8_t, X, (uint8_t)x)   \
    case PARE_I16: case PARE_U16: EACH(uint16_t, X, (uint16_t)x) \
    case PARE_I32: EACH(uint32_t, X, (uint32_t)x)              \
    case PARE_I64: EACH(int64_t, X, (int64_t)x)                \
    case PARE_BOOL: EACH(uint8_t, X, x != 0)                   \
    default: return 0;                                         \
  }
    case PARE_I32: WHOLE(int32_t)
    case PARE_I64: WHOLE(int64_t)
#undef WHOLE
  }
  return 0;
}
#undef EACH

void K(pare_copy_row)(size_t size, void *r, const void *x, intptr_t stride, intptr_t n) {
  if (stride == 1 || n <= 1) {
    memcpy(r, x, size * (size_t)n);
    return;
  }
#define EACH(T)                                                       \
  {                                                                   \
    T *restrict out = r;                                              \
    const T *restrict in = x;                                         \
    if (stride == 0) {                                                \
      T one = in[0];                                                  \
      for (intptr_t i = 0; i < n; i++) out[i] = one;                  \
    } else {                                                          \
      for (intptr_t i = 0; i < n; i++) out[i] = in[i * stride];       \
    }                                                                 \
    return;                                                           \
  }
  switch (size) {
    case 1: EACH(uint8_t)
    case 2: EACH(uint16_t)
    case 4: EACH(uint32_t)
    default: EACH(uint64_t)
  }
#undef EACH
}

#define STEP 512

void K(pare_convert)(pare_element to, void *r, pare_operand x, intptr_t n) {
  size_t from_size = pare_sizes[x.type], to_size = pare_sizes[to];
  if (x.type == to) {
    K(pare_copy_row)(to_size, r, x.data, x.stride, n);
    return;
  }
  if (x.stride == 1 && K(convert_dense)(to, r, x.type, x.data, n)) return;
  // What holds every value of both: f32 between the small ones and a half, f64 where another float takes part.
  int from_half = x.type == PARE_F16 || x.type == PARE_BF16;
  int to_half = to == PARE_F16 || to == PARE_BF16;
  int wide = x.type == PARE_I32 || x.type == PARE_I64;
  pare_element between = from_half || (to_half && !wide) ? PARE_F32 : to_half ? PARE_F64 : PARE_I64;
  uint64_t gathered[STEP], middle[STEP];
  for (intptr_t i = 0; i < n; i += STEP) {
    intptr_t m = n - i < STEP ? n - i : STEP;
    const char *source = (const char *)x.data + i * x.stride * (intptr_t)from_size;
    char *target = (char *)r + i * (intptr_t)to_size;
    if (x.stride != 1) {
      K(pare_copy_row)(from_size, gathered, source, x.stride, m);
      source = (const char *)gathered;
    }
    if (!K(convert_dense)(to, target, x.type, source, m)) {
      K(convert_dense)(between, middle, x.type, source, m);
      K(convert_dense)(to, target, between, middle, m);
    }
  }
}
#undef STEP

// A square block (16 x 16 of 4 bytes, 8 x 8 of 8 bytes) is transposed in registers: in each step, rows that differ in one
// bit of their number exchange the columns that differ in that bit. The lists are those columns, out of two rows.
#define LOW(N, B, c) ((c) & (B) ? (N) + ((c) ^ (B)) : (c))
#define HIGH(N, B, c) ((c) & (B) ? (N) + (c) : (c) | (B))
#define COLUMNS8(F, N, B, c) \
  F(N, B, c), F(N, B, c + 1), F(N, B, c + 2), F(N, B, c + 3), F(N, B, c + 4), F(N, B, c + 5), F(N, B, c + 6), F(N, B, c + 7)
#define COLUMNS16(F, N, B) COLUMNS8(F, N, B, 0), COLUMNS8(F, N, B, 8)

#define EXCHANGE(V, N, B, LOWS, HIGHS)                   \
  _Pragma("unroll") for (int i = 0; i < N; i++) {        \
    if (i & B) continue;                                 \
    V a = v[i], b = v[i | B];                            \
    v[i] = __builtin_shufflevector(a, b, LOWS);          \
    v[i | B] = __builtin_shufflevector(a, b, HIGHS);     \
  }

typedef uint32_t K(row16) __attribute__((ext_vector_type(16), aligned(4)));
typedef uint64_t K(row8) __attribute__((ext_vector_type(8), aligned(8)));

static inline void K(block_4)(uint32_t *r, intptr_t r_step, const uint32_t *x, intptr_t x_step) {
  K(row16) v[16];
  _Pragma("unroll") for (int i = 0; i < 16; i++) v[i] = *(const K(row16) *)(x + i * x_step);
  EXCHANGE(K(row16), 16, 1, COLUMNS16(LOW, 16, 1), COLUMNS16(HIGH, 16, 1))
  EXCHANGE(K(row16), 16, 2, COLUMNS16(LOW, 16, 2), COLUMNS16(HIGH, 16, 2))
  EXCHANGE(K(row16), 16, 4, COLUMNS16(LOW, 16, 4), COLUMNS16(HIGH, 16, 4))
  EXCHANGE(K(row16), 16, 8, COLUMNS16(LOW, 16, 8), COLUMNS16(HIGH, 16, 8))
  _Pragma("unroll") for (int i = 0; i < 16; i++) *(K(row16) *)(r + i * r_step) = v[i];
}

static inline void K(block_8)(uint64_t *r, intptr_t r_step, const uint64_t *x, intptr_t x_step) {
  K(row8) v[8];
  _Pragma("unroll") for (int i = 0; i < 8; i++) v[i] = *(const K(row8) *)(x + i * x_step);
  EXCHANGE(K(row8), 8, 1, COLUMNS8(LOW, 8, 1, 0), COLUMNS8(HIGH, 8, 1, 0))
  EXCHANGE(K(row8), 8, 2, COLUMNS8(LOW, 8, 2, 0), COLUMNS8(HIGH, 8, 2, 0))
  EXCHANGE(K(row8), 8, 4, COLUMNS8(LOW, 8, 4, 0), COLUMNS8(HIGH, 8, 4, 0))
  _Pragma("unroll") for (int i = 0; i < 8; i++) *(K(row8) *)(r + i * r_step) = v[i];
}

static inline void K(block_1)(uint8_t *r, intptr_t r_step, const uint8_t *x, intptr_t x_step) {
  for (int i = 0; i < 16; i++)
    for (int j = 0; j < 16; j++) r[i * r_step + j] = x[j * x_step + i];
}
static inline void K(block_2)(uint16_t *r, intptr_t r_step, const uint16_t *x, intptr_t x_step) {
  for (int i = 0; i < 16; i++)
    for (int j = 0; j < 16; j++) r[i * r_step + j] = x[j * x_step + i];
}
#undef LOW
#undef HIGH
#undef COLUMNS8
#undef COLUMNS16
#undef EXCHANGE

// Tiles of 64 x 64, so that the lines and pages of one tile stay at hand; a few columns (or rows) are interleaved (or
// picked apart) in loops of constant step, which vectorise: colours of an image.
#define TRANSPOSE(T, BLOCK, N)                                                                                   \
  {                                                                                                              \
    T *restrict out = r;                                                                                         \
    const T *restrict in = x;                                                                                    \
    if (columns == 3 && r_step == 3) {                                                                           \
      const T *restrict b = in + x_step, *restrict c = in + 2 * x_step;                                          \
      for (intptr_t i = 0; i < rows; i++) out[3 * i] = in[i], out[3 * i + 1] = b[i], out[3 * i + 2] = c[i];      \
      return;                                                                                                    \
    }                                                                                                            \
    if (rows == 3 && x_step == 3) {                                                                              \
      T *restrict b = out + r_step, *restrict c = out + 2 * r_step;                                              \
      for (intptr_t j = 0; j < columns; j++) out[j] = in[3 * j], b[j] = in[3 * j + 1], c[j] = in[3 * j + 2];     \
      return;                                                                                                    \
    }                                                                                                            \
    for (intptr_t i0 = 0; i0 < rows; i0 += 64) {                                                                 \
      intptr_t i1 = rows - i0 < 64 ? rows : i0 + 64, iw = i0 + (i1 - i0) / N * N;                                \
      for (intptr_t j0 = 0; j0 < columns; j0 += 64) {                                                            \
        intptr_t j1 = columns - j0 < 64 ? columns : j0 + 64, jw = j0 + (j1 - j0) / N * N;                        \
        for (intptr_t i = i0; i < iw; i += N)                                                                    \
          for (intptr_t j = j0; j < jw; j += N) K(BLOCK)(out + i * r_step + j, r_step, in + j * x_step + i, x_step); \
        for (intptr_t i = i0; i < iw; i++)                                                                       \
          for (intptr_t j = jw; j < j1; j++) out[i * r_step + j] = in[j * x_step + i];                           \
        for (intptr_t i = iw; i < i1; i++)                                                                       \
          for (intptr_t j = j0; j < j1; j++) out[i * r_step + j] = in[j * x_step + i];                           \
      }                                                                                                          \
    }                                                                                                            \
    return;                                                                                                      \
  }

void K(pare_transpose)(size_t size, void *r, intptr_t r_step, const void *x, intptr_t x_step, intptr_t rows,
                       intptr_t columns) {
  switch (size) {
    case 1: TRANSPOSE(uint8_t, block_1, 16)
    case 2: TRANSPOSE(uint16_t, block_2, 16)
    case 4: TRANSPOSE(uint32_t, block_4, 16)
    default: TRANSPOSE(uint64_t, block_8, 8)
  }
}
#undef TRANSPOSE
