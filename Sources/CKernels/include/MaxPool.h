#pragma once
#include <stdint.h>

// Greatest values of windows of planar images [N][C][H][W] in f32. What lies outside of an image counts for nothing; a window
// has at least one element inside.
typedef struct {
  int32_t height, width, kernel_height, kernel_width, stride_y, stride_x, pad_top, pad_left, out_height, out_width;
} pare_max_pool;

// The widest image that is taken.
enum { PARE_MAX_POOL_WIDTH = 4096 };

// planes: N times C. kernel_width, pad_left and the strides are at most 16.
void pare_max_pool_planes(const pare_max_pool *pool, const float *source, float *target, int64_t planes, int32_t threads);
