#pragma once
#include <stdint.h>

// Takes `count` blocks of 64 bytes into the eight words of a SHA-256 state (FIPS 180-4, 6.2.2).
void pare_sha256(uint32_t *state, const uint8_t *blocks, intptr_t count);
