// Columns in tiles of CHANNEL_TILE, so that the accumulators of a run of rows stay in registers or the first cache.

static void K(statistics_part)(const float *restrict x, intptr_t begin, intptr_t end, intptr_t channels,
                               const float *restrict pivot, double *restrict sums, double *restrict squares) {
  for (intptr_t c = 0; c < channels; c++) sums[c] = squares[c] = 0;
  for (intptr_t run = begin; run < end; run += RUN) {
    intptr_t last = run + RUN < end ? run + RUN : end;
    for (intptr_t tile = 0; tile < channels; tile += CHANNEL_TILE) {
      intptr_t width = channels - tile < CHANNEL_TILE ? channels - tile : CHANNEL_TILE;
      float s[CHANNEL_TILE] = {0}, q[CHANNEL_TILE] = {0};
      intptr_t r = run;
      for (; r + 4 <= last; r += 4) {
        const float *restrict a = x + r * channels + tile, *restrict p = pivot + tile;
        for (intptr_t c = 0; c < width; c++) {
          float d0 = a[c] - p[c], d1 = a[c + channels] - p[c], d2 = a[c + 2 * channels] - p[c], d3 = a[c + 3 * channels] - p[c];
          s[c] += (d0 + d1) + (d2 + d3);
          q[c] += (d0 * d0 + d1 * d1) + (d2 * d2 + d3 * d3);
        }
      }
      for (; r < last; r++) {
        const float *restrict a = x + r * channels + tile, *restrict p = pivot + tile;
        for (intptr_t c = 0; c < width; c++) {
          float d = a[c] - p[c];
          s[c] += d;
          q[c] += d * d;
        }
      }
      for (intptr_t c = 0; c < width; c++) sums[tile + c] += s[c];
      for (intptr_t c = 0; c < width; c++) squares[tile + c] += q[c];
    }
  }
}

#define BOUND(v) ((v) < low ? low : (v) > high ? high : (v))

static void K(apply_part)(const float *restrict x, const float *restrict residual, float *y, intptr_t begin, intptr_t end,
                          intptr_t channels, const float *restrict factor, const float *restrict constant, int bounded,
                          const float low, const float high) {
  for (intptr_t r = begin; r < end; r++) {
    const float *restrict a = x + r * channels;
    float *b = y + r * channels;
    if (residual) {
      const float *restrict z = residual + r * channels;
      if (bounded)
        for (intptr_t c = 0; c < channels; c++) {
          float v = a[c] * factor[c] + constant[c] + z[c];
          b[c] = BOUND(v);
        }
      else
        for (intptr_t c = 0; c < channels; c++) b[c] = a[c] * factor[c] + constant[c] + z[c];
    } else if (bounded) {
      for (intptr_t c = 0; c < channels; c++) {
        float v = a[c] * factor[c] + constant[c];
        b[c] = BOUND(v);
      }
    } else {
      for (intptr_t c = 0; c < channels; c++) b[c] = a[c] * factor[c] + constant[c];
    }
  }
}
#undef BOUND

static inline __attribute__((always_inline)) float K(passed)(float g, float x, float y, float factor, float constant,
                                                             const pare_pass pass, float low, float high) {
  if (pass == PARE_PASS_ALL) return g;
  if (pass == PARE_PASS_OUTPUT) return y > 0 ? g : 0;
  const float z = x * factor + constant;
  if (pass == PARE_PASS_POSITIVE) return z > 0 ? g : 0;
  return z >= low && z <= high ? g : 0;
}
#define PASSED(g, x, y, c) K(passed)((g)[c], (x)[c], (y)[c], factor[c], constant[c], pass, low, high)

static inline __attribute__((always_inline)) void K(sums_rows)(
    const float *restrict g, const float *restrict x, const float *restrict y, intptr_t begin, intptr_t end,
    intptr_t channels, const float *restrict factor, const float *restrict constant, const float *restrict mean,
    double *restrict sums, double *restrict products, const pare_pass pass, const float low, const float high) {
  for (intptr_t c = 0; c < channels; c++) sums[c] = products[c] = 0;
  for (intptr_t run = begin; run < end; run += RUN) {
    intptr_t last = run + RUN < end ? run + RUN : end;
    for (intptr_t tile = 0; tile < channels; tile += CHANNEL_TILE) {
      intptr_t width = channels - tile < CHANNEL_TILE ? channels - tile : CHANNEL_TILE;
      float s[CHANNEL_TILE] = {0}, q[CHANNEL_TILE] = {0};
      for (intptr_t r = run; r < last; r += 2) {
        // The second row of an odd end is the first one again, with weight 0.
        intptr_t second = r + 1 < last ? channels : 0;
        float weight = r + 1 < last ? 1 : 0;
        const float *restrict ga = g + r * channels, *restrict xa = x + r * channels, *restrict ya = y + r * channels;
        for (intptr_t c = tile; c < tile + width; c++) {
          float g0 = PASSED(ga, xa, ya, c), g1 = weight * PASSED(ga + second, xa + second, ya + second, c);
          s[c - tile] += g0 + g1;
          q[c - tile] += g0 * (xa[c] - mean[c]) + g1 * (xa[c + second] - mean[c]);
        }
      }
      for (intptr_t c = 0; c < width; c++) sums[tile + c] += s[c];
      for (intptr_t c = 0; c < width; c++) products[tile + c] += q[c];
    }
  }
}

static void K(sums_part)(const float *g, const float *x, const float *y, intptr_t begin, intptr_t end, intptr_t channels,
                         const float *factor, const float *constant, const float *mean, double *sums, double *products,
                         pare_pass pass, float low, float high) {
  switch (pass) {
    case PARE_PASS_ALL:
      K(sums_rows)(g, x, g, begin, end, channels, factor, constant, mean, sums, products, PARE_PASS_ALL, low, high);
      break;
    case PARE_PASS_POSITIVE:
      K(sums_rows)(g, x, g, begin, end, channels, factor, constant, mean, sums, products, PARE_PASS_POSITIVE, low,
                   high);
      break;
    case PARE_PASS_WITHIN:
      K(sums_rows)(g, x, g, begin, end, channels, factor, constant, mean, sums, products, PARE_PASS_WITHIN, low, high);
      break;
    case PARE_PASS_OUTPUT:
      K(sums_rows)(g, x, y, begin, end, channels, factor, constant, mean, sums, products, PARE_PASS_OUTPUT, low, high);
      break;
  }
}

static inline __attribute__((always_inline)) void K(gradient_rows)(
    const float *g, const float *restrict x, const float *restrict y, float *gx, float *restrict passed, intptr_t begin,
    intptr_t end, intptr_t channels, const float *restrict factor, const float *restrict constant,
    const float *restrict by_gradient, const float *restrict by_input, const float *restrict rest, const pare_pass pass,
    const float low, const float high) {
  for (intptr_t r = begin; r < end; r++) {
    const float *ga = g + r * channels;
    const float *restrict xa = x + r * channels, *restrict ya = y + r * channels;
    float *to = gx + r * channels;
    if (passed) {
      float *restrict through = passed + r * channels;
      for (intptr_t c = 0; c < channels; c++) {
        float v = PASSED(ga, xa, ya, c);
        through[c] = v;
        to[c] = by_gradient[c] * v + (by_input[c] * xa[c] + rest[c]);
      }
    } else {
      for (intptr_t c = 0; c < channels; c++)
        to[c] = by_gradient[c] * PASSED(ga, xa, ya, c) + (by_input[c] * xa[c] + rest[c]);
    }
  }
}

static void K(gradient_part)(const float *g, const float *x, const float *y, float *gx, float *passed, intptr_t begin,
                             intptr_t end, intptr_t channels, const float *factor, const float *constant,
                             const float *by_gradient, const float *by_input, const float *rest, pare_pass pass, float low,
                             float high) {
  switch (pass) {
    case PARE_PASS_ALL:
      K(gradient_rows)(g, x, x, gx, passed, begin, end, channels, factor, constant, by_gradient, by_input, rest,
                       PARE_PASS_ALL, low, high);
      break;
    case PARE_PASS_POSITIVE:
      K(gradient_rows)(g, x, x, gx, passed, begin, end, channels, factor, constant, by_gradient, by_input, rest,
                       PARE_PASS_POSITIVE, low, high);
      break;
    case PARE_PASS_WITHIN:
      K(gradient_rows)(g, x, x, gx, passed, begin, end, channels, factor, constant, by_gradient, by_input, rest,
                       PARE_PASS_WITHIN, low, high);
      break;
    case PARE_PASS_OUTPUT:
      K(gradient_rows)(g, x, y, gx, passed, begin, end, channels, factor, constant, by_gradient, by_input, rest,
                       PARE_PASS_OUTPUT, low, high);
      break;
  }
}
#undef PASSED
