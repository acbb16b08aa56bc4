#include "CKernels.h"
#include <math.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

typedef struct {
  const pare_max_pool *pool;
  const float *source;
  float *target;
} pool_run;

#define KERNELS "MaxPoolKernels.h"
#include "EveryIsa.h"

static void pool_planes(const pool_run *r, int64_t begin, int64_t end) { DISPATCH(pool_planes, r, begin, end); }
static void pool_part(void *context, intptr_t begin, intptr_t end) { pool_planes(context, begin, end); }

void pare_max_pool_planes(const pare_max_pool *pool, const float *source, float *target, int64_t planes, int32_t threads) {
  pool_run run = {pool, source, target};
  pare_parallel(pool_part, &run, planes, threads);
}
