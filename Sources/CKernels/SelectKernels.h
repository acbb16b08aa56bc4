// The passes of a selection over x[0..<n], by keys in which -0 equals 0. `between` and `taken` come out in order.
#include "Isa.h"

#if K_LANES == 16
#include <immintrin.h>
// key_of with equal zeros, sixteen at a time; lanes beyond `in` are of no use.
static inline __m512i K(keys)(const float *x, __mmask16 in, uint32_t flip) {
  const __m512 values = _mm512_maskz_loadu_ps(in, x);
  __m512i bits = _mm512_castps_si512(values);
  bits = _mm512_mask_mov_epi32(bits, _mm512_cmpeq_epi32_mask(bits, _mm512_set1_epi32((int)0x80000000u)), _mm512_setzero_si512());
  const __m512i mask = _mm512_or_si512(_mm512_srai_epi32(bits, 31), _mm512_set1_epi32((int)0x80000000u));
  const __m512i keys = _mm512_xor_si512(_mm512_xor_si512(bits, mask), _mm512_set1_epi32((int)flip));
  return _mm512_mask_mov_epi32(keys, _mm512_cmp_ps_mask(values, values, _CMP_UNORD_Q), _mm512_set1_epi32(-1));
}
static inline __mmask16 K(lanes)(intptr_t left) { return left >= 16 ? 0xffff : (__mmask16)((1u << left) - 1); }
#endif

// Appends the keys between low and high, both excluded, to `to`, and counts the others that matter. Returns how many were
// appended, -1 if `room`, a multiple of the chunk, may not do.
static intptr_t K(between)(const float *x, intptr_t n, uint32_t flip, uint32_t low, uint32_t high, uint32_t *to,
                           intptr_t room, select_counts *counts) {
  intptr_t count = 0;
  int64_t below = 0, lowest = 0, highest = 0, nans = 0;
  for (intptr_t first = 0; first < n; first += SELECT_CHUNK) {
    const intptr_t last = n - first < SELECT_CHUNK ? n : first + SELECT_CHUNK;
    if (count + SELECT_CHUNK > room) return -1;
#if K_LANES == 16
    const __m512i lows = _mm512_set1_epi32((int)low), highs = _mm512_set1_epi32((int)high), none = _mm512_set1_epi32(-1);
    for (intptr_t i = first; i < last; i += 16) {
      const __mmask16 in = K(lanes)(last - i);
      const __m512i keys = K(keys)(x + i, in, flip);
      below += __builtin_popcount(_mm512_mask_cmplt_epu32_mask(in, keys, lows));
      lowest += __builtin_popcount(_mm512_mask_cmpeq_epi32_mask(in, keys, lows));
      highest += __builtin_popcount(_mm512_mask_cmpeq_epi32_mask(in, keys, highs));
      nans += __builtin_popcount(_mm512_mask_cmpeq_epi32_mask(in, keys, none));
      const __mmask16 inside = _mm512_mask_cmplt_epu32_mask(_mm512_mask_cmpgt_epu32_mask(in, keys, lows), keys, highs);
      _mm512_mask_compressstoreu_epi32(to + count, inside, keys);
      count += __builtin_popcount(inside);
    }
#else
    for (intptr_t i = first; i < last; i++) {
      const uint32_t key = key_of(x[i], flip, 1);
      below += key < low;
      lowest += key == low;
      highest += key == high;
      nans += key == 0xffffffffu;
      to[count] = key;
      count += (key > low) & (key < high);
    }
#endif
  }
  *counts = (select_counts){below, lowest, highest, nans};
  return count;
}

static void K(count_better)(const float *x, intptr_t n, uint32_t flip, uint32_t limit, int64_t *better, int64_t *equal) {
  int64_t smaller = 0, same = 0;
#if K_LANES == 16
  const __m512i limits = _mm512_set1_epi32((int)limit);
  for (intptr_t i = 0; i < n; i += 16) {
    const __mmask16 in = K(lanes)(n - i);
    const __m512i keys = K(keys)(x + i, in, flip);
    smaller += __builtin_popcount(_mm512_mask_cmplt_epu32_mask(in, keys, limits));
    same += __builtin_popcount(_mm512_mask_cmpeq_epi32_mask(in, keys, limits));
  }
#else
  for (intptr_t i = 0; i < n; i++) {
    const uint32_t key = key_of(x[i], flip, 1);
    smaller += key < limit;
    same += key == limit;
  }
#endif
  *better = smaller;
  *equal = same;
}

// Writes (key, position) of the keys below the limit and of the first `ties` that equal it; x begins at position `first`.
static void K(take_better)(const float *x, intptr_t first, intptr_t n, uint32_t flip, uint32_t limit, int64_t ties, uint64_t *to) {
#if K_LANES == 16
  const __m512i limits = _mm512_set1_epi32((int)limit);
  const __m512i steps = _mm512_setr_epi64(0, 1, 2, 3, 4, 5, 6, 7);
  for (intptr_t i = 0; i < n; i += 16) {
    const __mmask16 in = K(lanes)(n - i);
    const __m512i keys = K(keys)(x + i, in, flip);
    __mmask16 equal = _mm512_mask_cmpeq_epi32_mask(in, keys, limits);
    while (__builtin_popcount(equal) > ties) equal &= (__mmask16)~(0x8000u >> (__builtin_clz(equal) - 16));
    ties -= __builtin_popcount(equal);
    const __mmask16 taken = equal | _mm512_mask_cmplt_epu32_mask(in, keys, limits);
    if (!taken) continue;
    for (int half = 0; half < 2; half++) {
      const __mmask8 own = (__mmask8)(taken >> (8 * half));
      const __m512i wide = _mm512_cvtepu32_epi64(half ? _mm512_extracti64x4_epi64(keys, 1) : _mm512_castsi512_si256(keys));
      const __m512i places = _mm512_add_epi64(_mm512_set1_epi64(first + i + 8 * half), steps);
      _mm512_mask_compressstoreu_epi64(to, own, _mm512_or_si512(_mm512_slli_epi64(wide, 32), places));
      to += __builtin_popcount(own);
    }
  }
#else
  for (intptr_t i = 0; i < n; i++) {
    const uint32_t key = key_of(x[i], flip, 1);
    if (key > limit) continue;
    if (key == limit && ties-- <= 0) continue;
    *to++ = (uint64_t)key << 32 | (uint64_t)(first + i);
  }
#endif
}
