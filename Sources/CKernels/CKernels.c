#define _GNU_SOURCE
#include "CKernels.h"
#include <sched.h>

// Swift's clang ships no omp.h; these are libgomp's stable entry points.
extern void GOMP_parallel(void (*body)(void *), void *data, unsigned threads, unsigned flags);
extern int omp_get_thread_num(void);
extern int omp_get_num_threads(void);
extern int omp_in_parallel(void);
extern void omp_set_num_threads(int);

typedef struct {
  void (*body)(void *, intptr_t, intptr_t);
  void *context;
  intptr_t count;
} pare_region;

static void run_part(void *data) {
  pare_region *region = data;
  intptr_t parts = omp_get_num_threads(), part = omp_get_thread_num();
  intptr_t each = region->count / parts, rest = region->count % parts;
  intptr_t begin = part * each + (part < rest ? part : rest);
  intptr_t end = begin + each + (part < rest ? 1 : 0);
  if (begin < end) region->body(region->context, begin, end);
}

void pare_parallel(void (*body)(void *, intptr_t, intptr_t), void *context, intptr_t count, int32_t threads) {
  if (count <= 0) return;
  if (threads > count) threads = (int32_t)count;
  if (threads <= 1 || omp_in_parallel()) {
    body(context, 0, count);
    return;
  }
  pare_region region = {body, context, count};
  GOMP_parallel(run_part, &region, (unsigned)threads, 0);
}

void pare_set_threads(int32_t threads) { omp_set_num_threads(threads); }

static _Thread_local pare_thread_state state;
pare_thread_state *pare_thread(void) { return &state; }

int32_t pare_allowed_processors(void) {
  cpu_set_t set;
  return sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
}
