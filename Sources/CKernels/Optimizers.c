#include "Optimizers.h"
#include "CKernels.h"

#define KERNELS "OptimizersKernels.h"
#include "EveryIsa.h"

typedef struct {
  const float *w, *g, *first, *second;
  float *next, *next_first, *next_second;
  pare_sgd sgd;
  pare_adam adam;
} step;

static void sgd_part(void *context, intptr_t begin, intptr_t end) {
  const step *s = context;
  DISPATCH(sgd_part, s->w, s->g, s->first, s->next, s->next_first, begin, end, s->sgd);
}

static void adam_part(void *context, intptr_t begin, intptr_t end) {
  const step *s = context;
  DISPATCH(adam_part, s->w, s->g, s->first, s->second, s->next, s->next_first, s->next_second, begin, end, s->adam);
}

// Small parameters are not worth a second thread.
static int32_t team(intptr_t n, int32_t threads) { return n < 16384 ? 1 : threads; }

void pare_sgd_step(const float *w, const float *g, const float *velocity, float *next, float *next_velocity, intptr_t n,
                   pare_sgd options, int32_t threads) {
  step s = {.w = w, .g = g, .first = velocity, .next = next, .next_first = next_velocity, .sgd = options};
  pare_parallel(sgd_part, &s, n, team(n, threads));
}

void pare_adam_step(const float *w, const float *g, const float *first, const float *second, float *next,
                    float *next_first, float *next_second, intptr_t n, pare_adam options, int32_t threads) {
  step s = {.w = w, .g = g, .first = first, .second = second, .next = next, .next_first = next_first,
            .next_second = next_second, .adam = options};
  pare_parallel(adam_part, &s, n, team(n, threads));
}
