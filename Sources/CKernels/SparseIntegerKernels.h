// Sums of u8 times s8 over four channels at a time, for sixteen positions. Included once more where the processor has an
// instruction for it (K_VNNI); only the rows are then needed.
typedef int32_t K(sums) __attribute__((vector_size(4 * K_LANES)));

// The same number in every case: no step saturates. `weight`: four s8 in every lane.
static inline __attribute__((always_inline)) K(sums) K(add_quads)(K(sums) sum, K(sums) input, K(sums) weight) {
#if K_VNNI
  return (K(sums))_mm512_dpbusd_epi32((__m512i)sum, (__m512i)input, (__m512i)weight);
#elif K_LANES == 16
  __m512i even = _mm512_set1_epi32(0x00ff00ff), x = (__m512i)input, w = (__m512i)weight;
  __m512i a = _mm512_madd_epi16(_mm512_and_si512(x, even), _mm512_srai_epi16(_mm512_slli_epi16(w, 8), 8));
  __m512i b = _mm512_madd_epi16(_mm512_srli_epi16(x, 8), _mm512_srai_epi16(w, 8));
  return (K(sums))_mm512_add_epi32((__m512i)sum, _mm512_add_epi32(a, b));
#elif K_LANES == 8
  __m256i even = _mm256_set1_epi32(0x00ff00ff), x = (__m256i)input, w = (__m256i)weight;
  __m256i a = _mm256_madd_epi16(_mm256_and_si256(x, even), _mm256_srai_epi16(_mm256_slli_epi16(w, 8), 8));
  __m256i b = _mm256_madd_epi16(_mm256_srli_epi16(x, 8), _mm256_srai_epi16(w, 8));
  return (K(sums))_mm256_add_epi32((__m256i)sum, _mm256_add_epi32(a, b));
#else
  K(sums) low = input & 255;
  return sum + low * (weight << 24 >> 24) + (input >> 8 & 255) * (weight << 16 >> 24) + (input >> 16 & 255) * (weight << 8 >> 24)
         + (input >> 24 & 255) * (weight >> 24);
#endif
}

static inline __attribute__((always_inline)) void K(integer_rows_with)(const int steps, const pare_sparse_row *rows,
                                                                      int32_t count, const uint16_t *offsets,
                                                                      const uint32_t *values, const char *packed,
                                                                      int32_t *sums, int32_t first) {
  for (int32_t i = 0; i < count; i++) {
    pare_sparse_row row = rows[i];
    int32_t *own = sums + (intptr_t)row.output * steps * 16;
#pragma clang loop unroll(full)
    for (int piece = 0; piece < 16; piece += K_LANES) {
      K(sums) sum[MOST_STEPS];
      for (int s = 0; s < steps; s++) sum[s] = first ? (K(sums)){0} : *(const K(sums) *)(own + s * 16 + piece);
      for (int32_t n = 0; n < row.count; n++) {
        const int32_t *source = (const int32_t *)(packed + offsets[n]) + piece;
        K(sums) value = (int32_t)values[n] - (K(sums)){0};
#pragma clang loop unroll(full)
        for (int s = 0; s < steps; s++) sum[s] = K(add_quads)(sum[s], *(const K(sums) *)(source + s * 16), value);
      }
      for (int s = 0; s < steps; s++) *(K(sums) *)(own + s * 16 + piece) = sum[s];
    }
    offsets += row.count;
    values += row.count;
  }
}

static void K(integer_rows_of)(const pare_sparse_layer *l, const pare_sparse_row *rows, int32_t count, const uint16_t *offsets,
                               const uint32_t *values, const char *packed, int32_t *sums, int32_t first) {
#define STEPS(n) \
  case n: K(integer_rows_with)(n, rows, count, offsets, values, packed, sums, first); break;
  switch (l->steps) {
    STEPS(1) STEPS(2) STEPS(3) STEPS(4) STEPS(5) STEPS(6) STEPS(7) STEPS(8)
  }
#undef STEPS
}

#if !K_VNNI
// Writes count words of a plane.
static inline __attribute__((always_inline)) void K(put_words)(const K(words16) *words, uint32_t *target, intptr_t count) {
#if K_LANES == 16
  _mm512_mask_storeu_epi32(target, (__mmask16)((1u << count) - 1), (__m512i)*words);
#else
  if (count == 16) *(K(words16) *)target = *words;
  else
    for (intptr_t i = 0; i < count; i++) target[i] = (*words)[i];
#endif
}

// The outputs first..<first + count of one block of positions. Rounds half to even, as the processor does.
static void K(integer_finish)(const sparse_target *t, const int32_t *sums, int32_t steps, int32_t first, int32_t count,
                              intptr_t channel, const pare_integer_epilogue *e) {
  typedef float f16 __attribute__((vector_size(64), aligned(4)));
  int32_t width = e->as_float ? 1 : 4;
  for (int32_t o = first; o < first + count; o += width)
    for (int32_t piece = 0; piece < t->pieces; piece++)
      for (int32_t s = 0; s < t->rows[piece]; s++) {
        intptr_t n = piece + 1 == t->pieces && s + 1 == t->rows[piece] ? t->last : t->count;
        intptr_t at = (intptr_t)(o / width) * t->plane + t->start + (piece * steps + s) * t->below;
        K(words16) word = {0}, added = {0};
        if (t->residual) __builtin_memcpy((uint32_t *)&added + piece * t->width, t->residual + at, n * 4);
        for (int32_t k = 0; k < width; k++) {
          K(mask16) sum;
          __builtin_memcpy(&sum, sums + ((intptr_t)(o + k) * steps + s) * 16, 64);
          sum += e->corrections[channel + o + k];
          // One operation a statement: contracted ones would round otherwise on some processors.
          f16 v = __builtin_convertvector(sum, f16);
          v *= e->scales[channel + o + k];
          if (t->residual) {
            f16 r = __builtin_convertvector((K(mask16))(added >> (8 * k) & 255), f16);
            r *= e->residual_scale;
            v += r;
          }
          v += e->shifts[channel + o + k];
          f16 least = e->low - (f16){0}, most = e->high - (f16){0};
          K(mask16) below = v < least, above = v > most;
          v = (f16)(((K(mask16))least & below) | ((K(mask16))most & above) | ((K(mask16))v & ~(below | above)));
          if (e->as_float) {
            word = (K(words16))v;
          } else {
            // Adding 1.5 * 2^23 rounds to an integer and leaves it in the low bits.
            v += 12582912.0f;
            word |= ((K(words16))v & 255) << (8 * k);
          }
        }
        if (t->pieces > 1 || t->width < 16) {
          uint32_t moved[16];
          __builtin_memcpy(moved, &word, 64);
          __builtin_memcpy((uint32_t *)t->output + at, moved + piece * t->width, n * 4);
        } else
          K(put_words)(&word, (uint32_t *)t->output + at, n);
      }
}

static inline __attribute__((always_inline)) void K(turn_words)(K(words16) *v) {
  for (int round = 0; round < 4; round++) {
    K(words16) w[16];
    for (int i = 0; i < 8; i++) {
      w[2 * i] = __builtin_shufflevector(v[i], v[i + 8], 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
      w[2 * i + 1] = __builtin_shufflevector(v[i], v[i + 8], 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
    }
    for (int i = 0; i < 16; i++) v[i] = w[i];
  }
}

static void K(to_quads)(const quads *q, intptr_t begin, intptr_t end) {
  intptr_t strips = (q->positions + 15) / 16, planes = q->channels / 4;
  for (intptr_t strip = begin; strip < end; strip++) {
    intptr_t image = strip / strips, first = strip % strips * 16, count = q->positions - first < 16 ? q->positions - first : 16;
    const uint8_t *source = q->source + (image * q->positions + first) * q->channels;
    uint32_t *target = (uint32_t *)q->target + image * planes * q->positions + first;
    for (intptr_t c = 0; c < planes; c += 16) {
      intptr_t some = planes - c < 16 ? planes - c : 16;
      K(words16) v[16];
      for (intptr_t p = 0; p < 16; p++) {
        v[p] = (K(words16)){0};
        if (p < count) __builtin_memcpy(&v[p], source + p * q->channels + c * 4, some * 4);
        v[p] ^= q->flip;
      }
      K(turn_words)(v);
      for (intptr_t k = 0; k < some; k++) K(put_words)(&v[k], target + (c + k) * q->positions, count);
    }
  }
}

static void K(from_quads)(const quads *q, intptr_t begin, intptr_t end) {
  intptr_t strips = (q->positions + 15) / 16, planes = q->channels / 4;
  for (intptr_t strip = begin; strip < end; strip++) {
    intptr_t image = strip / strips, first = strip % strips * 16, count = q->positions - first < 16 ? q->positions - first : 16;
    const uint32_t *source = (const uint32_t *)q->source + image * planes * q->positions + first;
    uint8_t *target = q->target + (image * q->positions + first) * q->channels;
    for (intptr_t c = 0; c < planes; c += 16) {
      intptr_t some = planes - c < 16 ? planes - c : 16;
      K(words16) v[16];
      for (intptr_t k = 0; k < 16; k++) {
        v[k] = (K(words16)){0};
        if (k < some) __builtin_memcpy(&v[k], source + (c + k) * q->positions, count * 4);
        v[k] ^= q->flip;
      }
      K(turn_words)(v);
      for (intptr_t p = 0; p < count; p++) K(put_words)(&v[p], (uint32_t *)(target + p * q->channels + c * 4), some);
    }
  }
}
#endif
