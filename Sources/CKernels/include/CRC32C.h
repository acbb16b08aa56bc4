#pragma once
#include <stdint.h>

// The CRC-32C (Castagnoli; RFC 3720, B.4) of `count` bytes.
uint32_t pare_crc32c(const uint8_t *bytes, intptr_t count);
