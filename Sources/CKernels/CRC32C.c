// Every weight of a file passes through here before its first use: with the processor's instruction that takes as long as
// reading the bytes, with a table some twenty times as long.
#include "CRC32C.h"
#include "Isa.h"
#include <string.h>

// The polynomial's bits in reverse, highest power lowest.
static const uint32_t polynomial = 0x82f63b78;

static uint32_t portable(uint32_t crc, const uint8_t *bytes, intptr_t count) {
  uint32_t table[256];
  for (uint32_t i = 0; i < 256; ++i) {
    uint32_t x = i;
    for (int bit = 0; bit < 8; ++bit) x = x & 1 ? x >> 1 ^ polynomial : x >> 1;
    table[i] = x;
  }
  for (intptr_t i = 0; i < count; ++i) crc = crc >> 8 ^ table[(crc ^ bytes[i]) & 255];
  return crc;
}

#if defined(__x86_64__)
#include <immintrin.h>

__attribute__((target("sse4.2"))) static uint32_t accelerated(uint32_t crc, const uint8_t *bytes, intptr_t count) {
  uint64_t wide = crc;
  for (; count >= 8; count -= 8, bytes += 8) {
    uint64_t word;
    memcpy(&word, bytes, 8);
    wide = _mm_crc32_u64(wide, word);
  }
  crc = (uint32_t)wide;
  for (; count > 0; --count) crc = _mm_crc32_u8(crc, *bytes++);
  return crc;
}
#endif

uint32_t pare_crc32c(const uint8_t *bytes, intptr_t count) {
#if defined(__x86_64__)
  // x86-64-v3 includes SSE 4.2.
  if (pare_isa_level() >= PARE_ISA_AVX2) return ~accelerated(~0u, bytes, count);
#endif
  return ~portable(~0u, bytes, count);
}
