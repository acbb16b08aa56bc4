#include "ChannelBlocks.h"
#include "CKernels.h"

#define BLOCK_STRIP 32

#define KERNELS "ChannelBlocksKernels.h"
#include "EveryIsa.h"

typedef struct {
  const float *source;
  float *target;
  intptr_t positions, channels;
} blocks;

static void block_image(const float *source, float *target, intptr_t positions, intptr_t channels) {
  DISPATCH(block_image, source, target, positions, channels);
}

static void unblock_image(const float *source, float *target, intptr_t positions, intptr_t channels) {
  DISPATCH(unblock_image, source, target, positions, channels);
}

static void block_part(void *context, intptr_t begin, intptr_t end) {
  blocks *b = context;
  intptr_t size = b->positions * b->channels;
  for (intptr_t i = begin; i < end; i++) block_image(b->source + i * size, b->target + i * size, b->positions, b->channels);
}

static void unblock_part(void *context, intptr_t begin, intptr_t end) {
  blocks *b = context;
  intptr_t size = b->positions * b->channels;
  for (intptr_t i = begin; i < end; i++) unblock_image(b->source + i * size, b->target + i * size, b->positions, b->channels);
}

void pare_block_channels(const float *source, float *target, intptr_t images, intptr_t positions, intptr_t channels,
                         int32_t threads) {
  blocks context = {source, target, positions, channels};
  pare_parallel(block_part, &context, images, threads);
}

void pare_unblock_channels(const float *source, float *target, intptr_t images, intptr_t positions, intptr_t channels,
                           int32_t threads) {
  blocks context = {source, target, positions, channels};
  pare_parallel(unblock_part, &context, images, threads);
}

typedef struct {
  const float *source, *scales;
  float *target;
  intptr_t rows, width;
} scaling;

static void scale_rows(const float *source, const float *scales, float *target, intptr_t rows, intptr_t width) {
  DISPATCH(scale_rows, source, scales, target, rows, width);
}

static void scale_part(void *context, intptr_t begin, intptr_t end) {
  const scaling *c = context;
  while (begin < end) {
    intptr_t group = begin / c->rows, last = (group + 1) * c->rows < end ? (group + 1) * c->rows : end;
    scale_rows(c->source + begin * c->width, c->scales + group * c->width, c->target + begin * c->width, last - begin, c->width);
    begin = last;
  }
}

void pare_scale_rows(const float *source, const float *scales, float *target, intptr_t groups, intptr_t rows, intptr_t width,
                     int32_t threads) {
  scaling context = {source, scales, target, rows, width};
  pare_parallel(scale_part, &context, groups * rows, threads);
}
