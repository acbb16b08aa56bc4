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
