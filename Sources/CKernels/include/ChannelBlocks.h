#pragma once
#include <stdint.h>

// Between channels-last images [N][HW][C] and the layout of oneDNN's Winograd and direct kernels, [N][C/16][HW][16]
// ("nChw16c"). `channels` is a multiple of 16. Memory-bound: about the speed of memcpy, where oneDNN's own reorder between
// these two is several times slower.
void pare_block_channels(const float *source, float *target, intptr_t images, intptr_t positions, intptr_t channels,
                         int32_t threads);
void pare_unblock_channels(const float *source, float *target, intptr_t images, intptr_t positions, intptr_t channels,
                           int32_t threads);

// Multiplies each group's rows by the group's own row: gates of channels. Images [N][HW][C] are N groups of rows of C,
// those in blocks N * C / 16 groups of rows of 16.
void pare_scale_rows(const float *source, const float *scales, float *target, intptr_t groups, intptr_t rows, intptr_t width,
                     int32_t threads);
