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

// Gives each worker a processor of its own. Without that a worker may stay queued behind the caller that spins for it,
// on one processor, while another is idle: measured, a training step of a small network took 25 times as long. The
// caller itself stays free, since what it starts (a compiler, a shell) inherits its processors.
static void pin_worker(void *data) {
  int part = omp_get_thread_num();
  if (part == 0) return;
  const cpu_set_t *allowed = data;
  for (int cpu = 0, seen = 0; cpu < CPU_SETSIZE; cpu++) {
    if (!CPU_ISSET(cpu, allowed) || seen++ != part) continue;
    cpu_set_t own;
    CPU_ZERO(&own);
    CPU_SET(cpu, &own);
    sched_setaffinity(0, sizeof own, &own);
    return;
  }
}

void pare_set_threads(int32_t threads) {
  omp_set_num_threads(threads);
  cpu_set_t allowed;
  if (threads < 2 || omp_in_parallel() || sched_getaffinity(0, sizeof allowed, &allowed) != 0) return;
  if (CPU_COUNT(&allowed) < threads) return;
  GOMP_parallel(pin_worker, &allowed, (unsigned)threads, 0);
}

static _Thread_local pare_thread_state state;
pare_thread_state *pare_thread(void) { return &state; }

int32_t pare_allowed_processors(void) {
  cpu_set_t set;
  return sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
}
