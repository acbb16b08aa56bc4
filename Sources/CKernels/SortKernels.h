// Quicksort of u32 in vectors of sixteen, AVX-512 only: partition by compressing stores, the ends by bitonic networks.
// After Bramas 2017, "A Novel Hybrid Quicksort Algorithm Vectorized using AVX-512 on Intel Skylake".
#include <immintrin.h>

#define TARGET __attribute__((target("arch=x86-64-v4")))
#define INLINE static inline __attribute__((always_inline, target("arch=x86-64-v4")))

// Compares each lane with its partner under `order`; lanes in `high` keep the larger.
#define EXCHANGE(v, order, high)                                                             \
  do {                                                                                       \
    const __m512i other = order;                                                             \
    v = _mm512_mask_max_epu32(_mm512_min_epu32(v, other), high, v, other);                   \
  } while (0)

// key_of, sixteen at a time.
INLINE __m512i keys16(__m512 x, uint32_t flip) {
  const __m512i bits = _mm512_castps_si512(x);
  const __m512i mask = _mm512_or_si512(_mm512_srai_epi32(bits, 31), _mm512_set1_epi32((int)0x80000000u));
  const __m512i keys = _mm512_xor_si512(_mm512_xor_si512(bits, mask), _mm512_set1_epi32((int)flip));
  return _mm512_mask_mov_epi32(keys, _mm512_cmp_ps_mask(x, x, _CMP_UNORD_Q), _mm512_set1_epi32(-1));
}

INLINE __m512i reversed(__m512i v) {
  return _mm512_permutexvar_epi32(_mm512_setr_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0), v);
}

// Sorts a bitonic vector.
INLINE __m512i merged16(__m512i v) {
  EXCHANGE(v, _mm512_shuffle_i64x2(v, v, 0x4e), 0xff00);
  EXCHANGE(v, _mm512_shuffle_i64x2(v, v, 0xb1), 0xf0f0);
  EXCHANGE(v, _mm512_shuffle_epi32(v, 0x4e), 0xcccc);
  EXCHANGE(v, _mm512_shuffle_epi32(v, 0xb1), 0xaaaa);
  return v;
}

INLINE __m512i sorted16(__m512i v) {
  EXCHANGE(v, _mm512_shuffle_epi32(v, 0xb1), 0xaaaa);
  EXCHANGE(v, _mm512_shuffle_epi32(v, 0x1b), 0xcccc);
  EXCHANGE(v, _mm512_shuffle_epi32(v, 0xb1), 0xaaaa);
  EXCHANGE(v, _mm512_permutexvar_epi32(_mm512_setr_epi32(7, 6, 5, 4, 3, 2, 1, 0, 15, 14, 13, 12, 11, 10, 9, 8), v), 0xf0f0);
  EXCHANGE(v, _mm512_shuffle_epi32(v, 0x4e), 0xcccc);
  EXCHANGE(v, _mm512_shuffle_epi32(v, 0xb1), 0xaaaa);
  EXCHANGE(v, reversed(v), 0xff00);
  EXCHANGE(v, _mm512_shuffle_i64x2(v, v, 0xb1), 0xf0f0);
  EXCHANGE(v, _mm512_shuffle_epi32(v, 0x4e), 0xcccc);
  EXCHANGE(v, _mm512_shuffle_epi32(v, 0xb1), 0xaaaa);
  return v;
}

enum { SMALL = 16 };  // vectors that a network sorts

// Merges v[0..<count/2] and v[count/2..<count], each sorted.
INLINE void merged(__m512i *v, const int count) {
  for (int i = 0; i < count / 2; i++) {
    const __m512i other = reversed(v[count - 1 - i]);
    v[count - 1 - i] = _mm512_max_epu32(v[i], other);
    v[i] = _mm512_min_epu32(v[i], other);
  }
  // The upper half lies reversed as a whole: both halves are bitonic.
  for (int distance = count / 4; distance >= 1; distance /= 2)
    for (int i = 0; i < count; i++)
      if (!(i & distance)) {
        const __m512i low = _mm512_min_epu32(v[i], v[i + distance]);
        v[i + distance] = _mm512_max_epu32(v[i], v[i + distance]);
        v[i] = low;
      }
  for (int i = 0; i < count; i++) v[i] = merged16(v[i]);
}

#define NETWORK(COUNT)                                                                                  \
  TARGET static void network##COUNT(uint32_t *x, intptr_t n) {                                          \
    __m512i v[COUNT];                                                                                   \
    const __m512i last = _mm512_set1_epi32(-1);                                                         \
    _Pragma("clang loop unroll(full)") for (int i = 0; i < COUNT; i++) {                                \
      const intptr_t left = n - 16 * i;                                                                 \
      const __mmask16 in = left >= 16 ? 0xffff : left <= 0 ? 0 : (__mmask16)((1u << left) - 1);         \
      v[i] = sorted16(_mm512_mask_loadu_epi32(last, in, x + 16 * i));                                   \
    }                                                                                                   \
    _Pragma("clang loop unroll(full)") for (int width = 2; width <= COUNT; width *= 2)                  \
      _Pragma("clang loop unroll(full)") for (int i = 0; i < COUNT; i += width) merged(v + i, width);   \
    _Pragma("clang loop unroll(full)") for (int i = 0; i < COUNT; i++) {                                \
      const intptr_t left = n - 16 * i;                                                                 \
      const __mmask16 in = left >= 16 ? 0xffff : left <= 0 ? 0 : (__mmask16)((1u << left) - 1);         \
      _mm512_mask_storeu_epi32(x + 16 * i, in, v[i]);                                                   \
    }                                                                                                   \
  }
NETWORK(1)
NETWORK(2)
NETWORK(4)
NETWORK(8)
NETWORK(16)
#undef NETWORK

TARGET static void sort_small(uint32_t *x, intptr_t n) {
  if (n <= 16) network1(x, n);
  else if (n <= 32) network2(x, n);
  else if (n <= 64) network4(x, n);
  else if (n <= 128) network8(x, n);
  else network16(x, n);
}

// Moves one vector: what is below the pivot to `left`, the rest to end at `right`.
INLINE intptr_t dealt(uint32_t *x, intptr_t left, intptr_t right, __m512i v, __m512i pivot) {
  const __mmask16 high = _mm512_cmpge_epu32_mask(v, pivot);
  const int highs = __builtin_popcount(high);
  _mm512_mask_compressstoreu_epi32(x + left, (__mmask16)~high, v);
  _mm512_mask_compressstoreu_epi32(x + right - highs, high, v);
  return highs;
}

enum { AHEAD = 8 };

// Returns the first position of what is not below the pivot. n is at least 2 * AHEAD * 16.
TARGET static intptr_t partition(uint32_t *x, intptr_t n, uint32_t pivot) {
  const __m512i p = _mm512_set1_epi32((int)pivot);
  // Whole blocks in the middle; a block at each end is kept in registers, which makes room to write into.
  enum { BLOCK = 16 * AHEAD };
  uint32_t rest[BLOCK];
  const intptr_t odd = n % BLOCK;
  memcpy(rest, x + n - odd, sizeof(uint32_t) * (size_t)odd);
  const intptr_t whole = n - odd;
  __m512i first[AHEAD], last[AHEAD], v[AHEAD];
  for (int i = 0; i < AHEAD; i++) first[i] = _mm512_loadu_si512(x + 16 * i);
  for (int i = 0; i < AHEAD; i++) last[i] = _mm512_loadu_si512(x + whole - BLOCK + 16 * i);
  intptr_t left = 0, right = n, from = BLOCK, to = whole - BLOCK;
  while (from < to) {
    // Reads where there is less room to write.
    if (right - to < from - left) {
      to -= BLOCK;
      for (int i = 0; i < AHEAD; i++) v[i] = _mm512_loadu_si512(x + to + 16 * i);
    } else {
      for (int i = 0; i < AHEAD; i++) v[i] = _mm512_loadu_si512(x + from + 16 * i);
      from += BLOCK;
    }
    for (int i = 0; i < AHEAD; i++) {
      const intptr_t highs = dealt(x, left, right, v[i], p);
      left += 16 - highs;
      right -= highs;
    }
  }
  for (int i = 0; i < AHEAD; i++) {
    const intptr_t highs = dealt(x, left, right, first[i], p);
    left += 16 - highs;
    right -= highs;
  }
  for (int i = 0; i < AHEAD; i++) {
    const intptr_t highs = dealt(x, left, right, last[i], p);
    left += 16 - highs;
    right -= highs;
  }
  for (intptr_t i = 0; i < odd; i++) {
    if (rest[i] < pivot) x[left++] = rest[i];
    else x[--right] = rest[i];
  }
  return left;
}

// The median of a few samples.
TARGET static uint32_t middle(const uint32_t *x, intptr_t n) {
  uint32_t sample[64];
  const int count = n < 2000 ? 16 : 64;
  for (int i = 0; i < count; i++) sample[i] = x[n / count * i + n / (2 * count)];
  if (count == 16) network1(sample, 16);
  else network4(sample, 64);
  return sample[count / 2];
}

// Sorts x; what defeats the samples goes to `otherwise`, with the spare memory of as many elements.
TARGET static void quicksort(uint32_t *x, uint32_t *spare, intptr_t n, int depth,
                             void (*otherwise)(uint32_t *x, uint32_t *spare, intptr_t n)) {
  while (n > 16 * SMALL) {
    if (depth-- == 0) return otherwise(x, spare, n);
    const uint32_t pivot = middle(x, n);
    intptr_t at = partition(x, n, pivot);
    if (at == 0) {
      // Nothing is smaller: what equals the pivot is in place.
      if (pivot == UINT32_MAX) return;
      at = partition(x, n, pivot + 1);
    } else {
      quicksort(x, spare, at, depth, otherwise);
    }
    x += at;
    spare += at;
    n -= at;
  }
  sort_small(x, n);
}

// Counts, of x[0..<n] as keys, how many reach each of the splitters.
TARGET static void count_classes(const float *x, intptr_t n, uint32_t flip, const uint32_t *splitters, int32_t count,
                                 intptr_t *reached) {
  for (int32_t s = 0; s < count; s++) reached[s] = 0;
  for (intptr_t i = 0; i < n; i += 16) {
    const __mmask16 in = n - i >= 16 ? 0xffff : (__mmask16)((1u << (n - i)) - 1);
    const __m512i keys = keys16(_mm512_maskz_loadu_ps(in, x + i), flip);
    for (int32_t s = 0; s < count; s++)
      reached[s] += __builtin_popcount(_mm512_mask_cmpge_epu32_mask(in, keys, _mm512_set1_epi32((int)splitters[s])));
  }
}

// Deals the keys of x[0..<n] to their classes at at[class].
TARGET static void deal_classes(const float *x, intptr_t n, uint32_t flip, const uint32_t *splitters, int32_t count,
                                uint32_t *to, intptr_t *at) {
  for (intptr_t i = 0; i < n; i += 16) {
    const __mmask16 in = n - i >= 16 ? 0xffff : (__mmask16)((1u << (n - i)) - 1);
    const __m512i keys = keys16(_mm512_maskz_loadu_ps(in, x + i), flip);
    __mmask16 left = in;
    for (int32_t s = count - 1; s >= 0; s--) {
      const __mmask16 own = _mm512_mask_cmpge_epu32_mask(left, keys, _mm512_set1_epi32((int)splitters[s]));
      _mm512_mask_compressstoreu_epi32(to + at[s + 1], own, keys);
      at[s + 1] += __builtin_popcount(own);
      left &= (__mmask16)~own;
    }
    _mm512_mask_compressstoreu_epi32(to + at[0], left, keys);
    at[0] += __builtin_popcount(left);
  }
}

#undef EXCHANGE
#undef INLINE
#undef TARGET
