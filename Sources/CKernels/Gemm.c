#include "Gemm.h"
#include "CKernels.h"
#include "Math.h"

// Rows of scores that are worked on together.
#define ATTENTION_ROWS 56

#define KERNELS "GemmKernels.h"
#include "EveryIsa.h"

// Packed weights begin with the instruction set for which they were packed, so that they stay right when the level is
// lowered later on.
#define HEADER 16
#define WIDEST_PANEL 32

static intptr_t widest(intptr_t outputs) { return (outputs + WIDEST_PANEL - 1) / WIDEST_PANEL * WIDEST_PANEL; }

intptr_t pare_gemm_packed_count(intptr_t inner, intptr_t outputs) { return HEADER + widest(outputs) * inner; }

static pare_isa level_of(const float *packed) {
  int32_t level;
  __builtin_memcpy(&level, packed, sizeof level);
  return (pare_isa)level;
}

static intptr_t panels(pare_isa level, intptr_t outputs) { DISPATCH_AT(level, panels, outputs); }

static void pack(pare_isa level, const float *w, intptr_t inner_step, intptr_t output_step, pare_weight_part part, intptr_t inner,
                 float *packed) {
  DISPATCH_AT(level, pack, w, inner_step, output_step, part, inner, packed);
}

void pare_gemm_pack(const float *w, intptr_t inner_step, intptr_t output_step, pare_weight_part part, intptr_t inner, float *packed) {
  int32_t level = pare_isa_level();
  __builtin_memcpy(packed, &level, sizeof level);
  pack((pare_isa)level, w, inner_step, output_step, part, inner, packed + HEADER);
}

static void gemm(pare_isa level, const float *x, intptr_t x_step, const float *packed, float *y, intptr_t y_step,
                 intptr_t begin, intptr_t end, intptr_t inner, intptr_t outputs, intptr_t first, intptr_t last,
                 const pare_epilogue *e) {
  DISPATCH_AT(level, gemm, x, x_step, packed, y, y_step, begin, end, inner, outputs, first, last, e);
}

typedef struct {
  const float *x, *packed;
  float *y;
  intptr_t x_step, y_step, rows, inner, outputs, panels;
  const pare_epilogue *epilogue;
  pare_isa level;
  int by_rows;
} product;

static void product_part(void *context, intptr_t begin, intptr_t end) {
  const product *p = context;
  if (p->by_rows)
    gemm(p->level, p->x, p->x_step, p->packed, p->y, p->y_step, begin, end, p->inner, p->outputs, 0, p->panels, p->epilogue);
  else
    gemm(p->level, p->x, p->x_step, p->packed, p->y, p->y_step, 0, p->rows, p->inner, p->outputs, begin, end, p->epilogue);
}

void pare_gemm(const float *x, intptr_t x_step, const float *packed, float *y, intptr_t y_step, intptr_t rows,
               intptr_t inner, intptr_t outputs, const pare_epilogue *epilogue, int32_t threads) {
  pare_isa level = level_of(packed);
  product p = {x, packed + HEADER, y, x_step, y_step, rows, inner, outputs, panels(level, outputs), epilogue, level, 0};
  // Threads share the weights' panels, so that each reads its own once; few panels: the rows.
  p.by_rows = p.panels < 4 * threads && rows > p.panels;
  pare_parallel(product_part, &p, p.by_rows ? rows : p.panels, threads);
}

// Rows that are in the middle of a pair at a time: what the second cache holds beside weights, in whole tiles.
static intptr_t most_in_the_middle(intptr_t middle) {
  intptr_t rows = (5 << 16) / middle / 14 * 14;
  return rows < 28 ? 28 : rows > 112 ? 112 : rows;
}

intptr_t pare_gemm_pair_scratch(intptr_t middle) { return most_in_the_middle(middle) * middle; }

typedef struct {
  const pare_gemm_pair_task *task;
  float *scratch;
  intptr_t parts;
} pair;

static void pair_rows(const pare_gemm_pair_task *t, float *middle, intptr_t begin, intptr_t end) {
  pare_isa level = level_of(t->first);
  intptr_t most = most_in_the_middle(t->middle), pieces = (end - begin + most - 1) / most;
  for (; begin < end; pieces--) {
    intptr_t rows = (end - begin + pieces - 1) / pieces;
    pare_epilogue last = t->last;
    if (last.residual) last.residual += begin * last.residual_step;
    gemm(level, t->x + begin * t->inner, t->inner, t->first + HEADER, middle, t->middle, 0, rows, t->inner, t->middle, 0,
         panels(level, t->middle), &t->then);
    gemm(level, middle, t->middle, t->second + HEADER, t->y + begin * t->outputs, t->outputs, 0, rows, t->middle, t->outputs,
         0, panels(level, t->outputs), &last);
    begin += rows;
  }
}

static void pair_part(void *context, intptr_t begin, intptr_t end) {
  const pair *p = context;
  for (intptr_t part = begin; part < end; part++)
    pair_rows(p->task, p->scratch + part * pare_gemm_pair_scratch(p->task->middle), p->task->rows * part / p->parts,
              p->task->rows * (part + 1) / p->parts);
}

void pare_gemm_pair(const pare_gemm_pair_task *task, float *scratch, int32_t threads) {
  pair p = {task, scratch, threads < 1 ? 1 : threads};
  pare_parallel(pair_part, &p, p.parts, threads);
}

void pare_gemm_finish(float *y, intptr_t y_step, intptr_t rows, intptr_t outputs, const pare_epilogue *e) {
  DISPATCH(finish_rows, y, y_step, rows, outputs, e);
}

intptr_t pare_attention_scratch(const pare_attention_task *t) {
  return widest(t->keys) * t->size + widest(t->value_size) * t->keys + ATTENTION_ROWS * widest(t->keys);
}

static void attend(const pare_attention_task *task, intptr_t image, intptr_t head, float *scratch) {
  DISPATCH(attend, task, image, head, scratch);
}

typedef struct {
  const pare_attention_task *task;
  float *scratch;
  intptr_t each, parts;
} attention;

// Parts are as many as threads, each with scratch memory of its own.
static void attention_part(void *context, intptr_t begin, intptr_t end) {
  const attention *a = context;
  intptr_t count = a->task->images * a->task->heads;
  for (intptr_t part = begin; part < end; part++)
    for (intptr_t i = count * part / a->parts; i < count * (part + 1) / a->parts; i++)
      attend(a->task, i / a->task->heads, i % a->task->heads, a->scratch + part * a->each);
}

void pare_attention(const pare_attention_task *task, float *scratch, int32_t threads) {
  attention a = {task, scratch, pare_attention_scratch(task), threads < 1 ? 1 : threads};
  pare_parallel(attention_part, &a, a.parts, threads);
}

typedef struct {
  const float *x, *scale, *shift;
  float *y, epsilon;
  intptr_t n;
} normalization;

static void norm(const float *x, float *y, intptr_t begin, intptr_t end, intptr_t n, const float *scale,
                 const float *shift, float epsilon) {
  DISPATCH(norm, x, y, begin, end, n, scale, shift, epsilon);
}

static void norm_part(void *context, intptr_t begin, intptr_t end) {
  const normalization *p = context;
  norm(p->x, p->y, begin, end, p->n, p->scale, p->shift, p->epsilon);
}

void pare_layer_norm(const float *x, float *y, intptr_t rows, intptr_t n, const float *scale, const float *shift,
                     float epsilon, int32_t threads) {
  normalization p = {x, scale, shift, y, epsilon, n};
  pare_parallel(norm_part, &p, rows, threads);
}
