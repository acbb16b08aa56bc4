// Strips of positions, so that what one strip reads and writes stays in the first cache.
static void K(block_image)(const float *restrict source, float *restrict target, intptr_t positions, intptr_t channels) {
  for (intptr_t strip = 0; strip < positions; strip += BLOCK_STRIP) {
    intptr_t end = strip + BLOCK_STRIP < positions ? strip + BLOCK_STRIP : positions;
    for (intptr_t block = 0; block < channels; block += 16)
      for (intptr_t p = strip; p < end; p++)
        __builtin_memcpy_inline(target + block * positions + p * 16, source + p * channels + block, 64);
  }
}

static void K(unblock_image)(const float *restrict source, float *restrict target, intptr_t positions, intptr_t channels) {
  for (intptr_t strip = 0; strip < positions; strip += BLOCK_STRIP) {
    intptr_t end = strip + BLOCK_STRIP < positions ? strip + BLOCK_STRIP : positions;
    for (intptr_t block = 0; block < channels; block += 16)
      for (intptr_t p = strip; p < end; p++)
        __builtin_memcpy_inline(target + p * channels + block, source + block * positions + p * 16, 64);
  }
}

static inline __attribute__((always_inline)) void K(scale)(const float *restrict source, const float *restrict scales,
                                                           float *restrict target, intptr_t rows, intptr_t width) {
  for (intptr_t row = 0; row < rows; row++)
    for (intptr_t i = 0; i < width; i++) target[row * width + i] = source[row * width + i] * scales[i];
}

static void K(scale_rows)(const float *source, const float *scales, float *target, intptr_t rows, intptr_t width) {
  if (width == 16) K(scale)(source, scales, target, rows, 16);
  else K(scale)(source, scales, target, rows, width);
}
