// One instruction set's layer normalization; see EveryIsa.h. Sums run in eight chains of f64, so that every instruction
// set adds in the same order.
typedef float K(eight) __attribute__((ext_vector_type(8), aligned(4)));
typedef double K(sums) __attribute__((ext_vector_type(8)));

#define WIDE(p) __builtin_convertvector(*(const K(eight) *)(p), K(sums))
#define TOTAL(v) (((v[0] + v[4]) + (v[2] + v[6])) + ((v[1] + v[5]) + (v[3] + v[7])))

static void K(layernorm_rows)(const float *x, const float *scale, const float *shift, float *y, float *means,
                              float *inverses, intptr_t begin, intptr_t end, intptr_t n, double epsilon,
                              int32_t centred) {
  const intptr_t whole = n & ~(intptr_t)7;
  for (intptr_t row = begin; row < end; row++) {
    const float *in = x + row * n;
    float *restrict out = y + row * n;
    double mean = 0;
    if (centred) {
      K(sums) sum = 0;
      for (intptr_t i = 0; i < whole; i += 8) sum += WIDE(in + i);
      mean = TOTAL(sum);
      for (intptr_t i = whole; i < n; i++) mean += in[i];
      mean /= (double)n;
    }
    K(sums) squares = 0;
    for (intptr_t i = 0; i < whole; i += 8) {
      const K(sums) d = WIDE(in + i) - mean;
      squares += d * d;
    }
    double square = TOTAL(squares);
    for (intptr_t i = whole; i < n; i++) square += (in[i] - mean) * (in[i] - mean);
    const float m = (float)mean, r = (float)(1 / sqrt(square / (double)n + epsilon));
    if (means) means[row] = m;
    if (inverses) inverses[row] = r;
    if (scale && shift) {
      for (intptr_t i = 0; i < n; i++) out[i] = (in[i] - m) * r * scale[i] + shift[i];
    } else if (scale) {
      for (intptr_t i = 0; i < n; i++) out[i] = (in[i] - m) * r * scale[i];
    } else {
      for (intptr_t i = 0; i < n; i++) out[i] = (in[i] - m) * r + (shift ? shift[i] : 0);
    }
  }
}

static void K(layernorm_gradient_rows)(const float *g, const float *x, const float *scale, const float *means,
                                       const float *inverses, float *gx, double *by_scale, double *by_shift,
                                       intptr_t begin, intptr_t end, intptr_t n, int32_t centred) {
  const intptr_t whole = n & ~(intptr_t)7;
  for (intptr_t row = begin; row < end; row++) {
    const float *up = g + row * n, *in = x + row * n;
    const float m = means[row], r = inverses[row];
    if (by_scale)
      for (intptr_t i = 0; i < n; i++) {
        by_scale[i] += (double)(up[i] * ((in[i] - m) * r));
        by_shift[i] += (double)up[i];
      }
    if (!gx) continue;
    // h = g scale; its mean, and that of h times the normalized row.
    K(sums) plain = 0, product = 0;
    for (intptr_t i = 0; i < whole; i += 8) {
      K(eight) h = *(const K(eight) *)(up + i);
      if (scale) h *= *(const K(eight) *)(scale + i);
      const K(eight) normal = (*(const K(eight) *)(in + i) - m) * r;
      plain += __builtin_convertvector(h, K(sums));
      product += __builtin_convertvector(h * normal, K(sums));
    }
    double first = TOTAL(plain), second = TOTAL(product);
    for (intptr_t i = whole; i < n; i++) {
      const float h = scale ? up[i] * scale[i] : up[i];
      first += h;
      second += h * ((in[i] - m) * r);
    }
    const float a = centred ? (float)(first / (double)n) : 0, b = (float)(second / (double)n);
    float *restrict out = gx + row * n;
    if (scale) {
      for (intptr_t i = 0; i < n; i++) out[i] = r * (up[i] * scale[i] - a - (in[i] - m) * r * b);
    } else {
      for (intptr_t i = 0; i < n; i++) out[i] = r * (up[i] - a - (in[i] - m) * r * b);
    }
  }
}
#undef WIDE
#undef TOTAL
