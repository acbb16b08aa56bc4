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
