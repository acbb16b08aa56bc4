#include "BatchNorm.h"
#include "CKernels.h"

#define RUN 64
#define CHANNEL_TILE 64

#define KERNELS "BatchNormKernels.h"
#include "EveryIsa.h"

// Everything a pass needs; `parts` is the number of pieces that the rows are cut into, one for each thread.
typedef struct {
  const float *g, *x, *y, *residual, *factor, *constant, *mean, *by_gradient, *by_input, *rest, *pivot;
  float *out, *passed;
  double *sums, *products;
  intptr_t rows, channels, parts;
  int bounded;
  float low, high;
  pare_pass pass;
} normalization;

static void statistics_part(const float *x, intptr_t begin, intptr_t end, intptr_t channels, const float *pivot,
                            double *sums, double *squares) {
  DISPATCH(statistics_part, x, begin, end, channels, pivot, sums, squares);
}

static void apply_part(const normalization *n, intptr_t begin, intptr_t end) {
  DISPATCH(apply_part, n->x, n->residual, n->out, begin, end, n->channels, n->factor, n->constant, n->bounded, n->low, n->high);
}

static void sums_part(const normalization *n, intptr_t begin, intptr_t end, double *sums, double *products) {
  DISPATCH(sums_part, n->g, n->x, n->y, begin, end, n->channels, n->factor, n->constant, n->mean, sums, products, n->pass,
           n->low, n->high);
}

static void gradient_part(const normalization *n, intptr_t begin, intptr_t end) {
  DISPATCH(gradient_part, n->g, n->x, n->y, n->out, n->passed, begin, end, n->channels, n->factor, n->constant,
           n->by_gradient, n->by_input, n->rest, n->pass, n->low, n->high);
}

static intptr_t part_start(const normalization *n, intptr_t part) {
  return n->rows / n->parts * part + (part < n->rows % n->parts ? part : n->rows % n->parts);
}

static void statistics_parts(void *context, intptr_t begin, intptr_t end) {
  const normalization *n = context;
  for (intptr_t part = begin; part < end; part++)
    statistics_part(n->x, part_start(n, part), part_start(n, part + 1), n->channels, n->pivot,
                    n->sums + part * n->channels, n->products + part * n->channels);
}

static void sums_parts(void *context, intptr_t begin, intptr_t end) {
  const normalization *n = context;
  for (intptr_t part = begin; part < end; part++)
    sums_part(n, part_start(n, part), part_start(n, part + 1), n->sums + part * n->channels,
              n->products + part * n->channels);
}

static void apply_rows(void *context, intptr_t begin, intptr_t end) { apply_part(context, begin, end); }
static void gradient_rows(void *context, intptr_t begin, intptr_t end) { gradient_part(context, begin, end); }

static intptr_t parts_of(intptr_t rows, int32_t threads) {
  intptr_t parts = threads < 1 ? 1 : threads;
  return parts > rows ? (rows < 1 ? 1 : rows) : parts;
}

void pare_batchnorm_statistics(const float *x, intptr_t rows, intptr_t channels, float *mean, float *variance,
                               double *work, int32_t threads) {
  intptr_t parts = parts_of(rows, threads);
  // Relative to the first row: the squares then stay near the variance, whatever the mean is.
  normalization n = {.x = x, .pivot = x, .rows = rows, .channels = channels, .parts = parts,
                     .sums = work, .products = work + parts * channels};
  pare_parallel(statistics_parts, &n, parts, threads);
  for (intptr_t c = 0; c < channels; c++) {
    double sum = 0, square = 0;
    for (intptr_t part = 0; part < parts; part++) {
      sum += n.sums[part * channels + c];
      square += n.products[part * channels + c];
    }
    double shift = sum / (double)rows, spread = square / (double)rows - shift * shift;
    mean[c] = (float)(x[c] + shift);
    variance[c] = (float)(spread > 0 ? spread : spread == spread ? 0 : spread);
  }
}

void pare_batchnorm_apply(const float *x, const float *residual, float *y, intptr_t rows, intptr_t channels,
                          const float *factor, const float *constant, int32_t bounded, float low, float high, int32_t threads) {
  normalization n = {.x = x, .residual = residual, .out = y, .channels = channels, .factor = factor,
                     .constant = constant, .bounded = bounded, .low = low, .high = high};
  pare_parallel(apply_rows, &n, rows, threads);
}

void pare_batchnorm_gradient_sums(const float *g, const float *x, const float *y, intptr_t rows, intptr_t channels,
                                  const float *factor, const float *constant, const float *mean, pare_pass pass, float low,
                                  float high, double *sums, double *products, double *work, int32_t threads) {
  intptr_t parts = parts_of(rows, threads);
  normalization n = {.g = g, .x = x, .y = y, .rows = rows, .channels = channels, .parts = parts, .factor = factor,
                     .constant = constant, .mean = mean, .pass = pass, .low = low, .high = high, .sums = work,
                     .products = work + parts * channels};
  pare_parallel(sums_parts, &n, parts, threads);
  for (intptr_t c = 0; c < channels; c++) {
    sums[c] = products[c] = 0;
    for (intptr_t part = 0; part < parts; part++) {
      sums[c] += n.sums[part * channels + c];
      products[c] += n.products[part * channels + c];
    }
  }
}

void pare_batchnorm_gradient_apply(const float *g, const float *x, const float *y, float *gx, float *passed,
                                   intptr_t rows, intptr_t channels, const float *factor, const float *constant,
                                   const float *by_gradient, const float *by_input, const float *rest, pare_pass pass,
                                   float low, float high, int32_t threads) {
  normalization n = {.g = g, .x = x, .y = y, .out = gx, .passed = passed, .channels = channels, .factor = factor,
                     .constant = constant, .by_gradient = by_gradient, .by_input = by_input, .rest = rest, .pass = pass,
                     .low = low, .high = high};
  pare_parallel(gradient_rows, &n, rows, threads);
}
