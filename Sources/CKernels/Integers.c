#include "Integers.h"
#include "CKernels.h"
#include "Scalars.h"
#include <time.h>

#pragma STDC FP_CONTRACT OFF

#define KERNELS "IntegersKernels.h"
#include "EveryIsa.h"

typedef struct {
  const uint8_t *a, *b;
  const float *x;
  uint8_t *q;
  float *y, lower, upper;
  pare_grid a_grid, b_grid, grid;
} grids;

static void quantize(const float *x, uint8_t *q, intptr_t n, pare_grid g) { DISPATCH(quantize, x, q, n, g); }
static void dequantize(const uint8_t *q, float *x, intptr_t n, pare_grid g) { DISPATCH(dequantize, q, x, n, g); }
static void integer_add(const uint8_t *a, pare_grid ga, const uint8_t *b, pare_grid gb, uint8_t *q, pare_grid g, float lower,
                        float upper, intptr_t n) {
  DISPATCH(integer_add, a, ga, b, gb, q, g, lower, upper, n);
}

static void quantize_part(void *context, intptr_t begin, intptr_t end) {
  const grids *p = context;
  quantize(p->x + begin, p->q + begin, end - begin, p->grid);
}
static void dequantize_part(void *context, intptr_t begin, intptr_t end) {
  const grids *p = context;
  dequantize(p->a + begin, p->y + begin, end - begin, p->grid);
}
static void add_part(void *context, intptr_t begin, intptr_t end) {
  const grids *p = context;
  integer_add(p->a + begin, p->a_grid, p->b + begin, p->b_grid, p->q + begin, p->grid, p->lower, p->upper, end - begin);
}

void pare_quantize(const float *x, void *q, intptr_t n, pare_grid grid, int32_t threads) {
  grids p = {.x = x, .q = q, .grid = grid};
  pare_parallel(quantize_part, &p, n, threads);
}

void pare_dequantize(const void *q, float *x, intptr_t n, pare_grid grid, int32_t threads) {
  grids p = {.a = q, .y = x, .grid = grid};
  pare_parallel(dequantize_part, &p, n, threads);
}

void pare_integer_add(const void *a, pare_grid a_grid, const void *b, pare_grid b_grid, void *q, pare_grid grid,
                      float lower, float upper, intptr_t n, int32_t threads) {
  grids p = {.a = a, .b = b, .q = q, .lower = lower, .upper = upper, .a_grid = a_grid, .b_grid = b_grid, .grid = grid};
  pare_parallel(add_part, &p, n, threads);
}

static double seconds(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static intptr_t multiply_adds(intptr_t rounds, float *sink) { DISPATCH(multiply_adds, rounds, sink); }
static float read_all(const float *x, intptr_t n) { DISPATCH(read_all, x, n); }

typedef struct {
  const float *x;
  intptr_t rounds, counted;
  float sink;
} peak;

static void compute_part(void *context, intptr_t begin, intptr_t end) {
  peak *p = context;
  float sink = p->sink;
  intptr_t counted = 0;
  for (intptr_t i = begin; i < end; i++) counted += multiply_adds(p->rounds, &sink);
  __atomic_fetch_add(&p->counted, counted, __ATOMIC_RELAXED);
}

static void read_part(void *context, intptr_t begin, intptr_t end) {
  peak *p = context;
  volatile float sink = read_all(p->x + begin, end - begin);
  (void)sink;
}

double pare_peak_gflops(int32_t threads) {
  double best = 0;
  for (int i = 0; i < 12; i++) {
    peak p = {0, 40000, 0, 0};
    double start = seconds();
    pare_parallel(compute_part, &p, threads, threads);
    double rate = 2e-9 * (double)p.counted / (seconds() - start);
    best = rate > best ? rate : best;
  }
  return best;
}

double pare_peak_bandwidth(const void *memory, intptr_t bytes, int32_t threads) {
  double best = 0;
  for (int i = 0; i < 5; i++) {
    peak p = {memory, 0, 0, 0};
    double start = seconds();
    pare_parallel(read_part, &p, bytes / 4, threads);
    double rate = 1e-9 * (double)bytes / (seconds() - start);
    best = rate > best ? rate : best;
  }
  return best;
}
