#pragma once
#include <stdint.h>

// Between channels-last images [N][HW][C] and the layout of oneDNN's Winograd and direct kernels, [N][C/16][HW][16]
// ("nChw16c"). `channels` is a multiple of 16. Memory-bound: about the speed of memcpy, where oneDNN's own reorder between
// these two is several times slower.
void pare_block_channels(const float *source, float *target, intptr_t images, intptr_t positions, intptr_t channels,
                         int32_t threads);
void pare_unblock_channels(const float *source, float *target, intptr_t images, intptr_t positions, intptr_t channels,
                           int32_t threads);
