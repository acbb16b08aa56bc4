// Order of f32 by radix sort and radix select on their bits, which needs no instruction set and whose results depend on
// nothing but the values: not on the number of threads, since every pass is stable. Values alone are sorted by a
// vectorized quicksort where the processor has AVX-512: equal keys are the same bits, so stability is no question.
#include "CKernels.h"
#include "Isa.h"
#include <stdlib.h>
#include <string.h>

enum { MAX_PARTS = 64, MAX_BUCKETS = 1 << 11 };

// Bits in the order of the numbers; NaN last in both directions.
static inline uint32_t key_of(float x, uint32_t flip, int equal_zeros) {
  uint32_t bits;
  memcpy(&bits, &x, 4);
  if (equal_zeros && bits == 0x80000000u) bits = 0;
  uint32_t key = bits ^ ((uint32_t)((int32_t)bits >> 31) | 0x80000000u);
  key ^= flip;
  return (bits & 0x7fffffffu) > 0x7f800000u ? 0xffffffffu : key;
}

static inline float value_of(uint32_t key, uint32_t flip) {
  float x;
  uint32_t bits = key ^ flip;
  bits ^= bits >> 31 ? 0x80000000u : 0xffffffffu;
  if (key == 0xffffffffu) bits = 0x7fc00000u;
  memcpy(&x, &bits, 4);
  return x;
}

// The part's share of 0..<n.
static inline void share(intptr_t n, intptr_t parts, intptr_t part, intptr_t *begin, intptr_t *end) {
  const intptr_t each = n / parts, rest = n % parts;
  *begin = part * each + (part < rest ? part : rest);
  *end = *begin + each + (part < rest ? 1 : 0);
}

static int32_t parts_for(intptr_t n, int32_t threads) {
  const intptr_t most = n / 16384;
  const int32_t parts = threads < MAX_PARTS ? threads : MAX_PARTS;
  return most < 1 ? 1 : most < parts ? (int32_t)most : parts < 1 ? 1 : parts;
}

// Digits of 8 bits keep the write streams of large arrays in the first-level cache.
typedef struct {
  const void *from;
  void *to;
  intptr_t n;
  int32_t parts, shift, is_pair;
  uint32_t (*counts)[256];
} radix_pass;

// Counts the digits of first..<last in four tables: neighbours with the same digit do not wait for each other.
#define COUNT(DIGIT)                                        \
  do {                                                      \
    intptr_t next = first;                                  \
    for (; next + 4 <= last; next += 4)                     \
      for (int lane = 0; lane < 4; lane++) {                \
        const intptr_t i = next + lane;                     \
        tables[lane][DIGIT]++;                              \
      }                                                     \
    for (intptr_t i = next; i < last; i++) tables[0][DIGIT]++; \
  } while (0)

static void count_digits(void *context, intptr_t begin, intptr_t end) {
  const radix_pass *p = context;
  for (intptr_t part = begin; part < end; part++) {
    intptr_t first, last;
    share(p->n, p->parts, part, &first, &last);
    uint32_t tables[4][256];
    memset(tables, 0, sizeof tables);
    if (p->is_pair) {
      const uint64_t *x = p->from;
      COUNT((x[i] >> p->shift) & 255);
    } else {
      const uint32_t *x = p->from;
      COUNT((x[i] >> p->shift) & 255);
    }
    for (int d = 0; d < 256; d++) p->counts[part][d] = tables[0][d] + tables[1][d] + tables[2][d] + tables[3][d];
  }
}

static void move_digits(void *context, intptr_t begin, intptr_t end) {
  const radix_pass *p = context;
  for (intptr_t part = begin; part < end; part++) {
    intptr_t first, last;
    share(p->n, p->parts, part, &first, &last);
    uint32_t *at = p->counts[part];
    if (p->is_pair) {
      const uint64_t *x = p->from;
      uint64_t *y = p->to;
      for (intptr_t i = first; i < last; i++) y[at[(x[i] >> p->shift) & 255]++] = x[i];
    } else {
      const uint32_t *x = p->from;
      uint32_t *y = p->to;
      for (intptr_t i = first; i < last; i++) y[at[(x[i] >> p->shift) & 255]++] = x[i];
    }
  }
}

// Sorts keys (u32, or u64 by their upper half) between two buffers; returns the one that holds the result.
static void *radix_sort(void *a, void *b, intptr_t n, int32_t is_pair, int32_t threads) {
  uint32_t counts[MAX_PARTS][256];
  radix_pass p = {.from = a, .to = b, .n = n, .parts = parts_for(n, threads), .is_pair = is_pair, .counts = counts};
  for (int digit = 0; digit < 4; digit++) {
    p.shift = 8 * digit + (is_pair ? 32 : 0);
    pare_parallel(count_digits, &p, p.parts, p.parts);
    uint32_t sum = 0;
    int is_constant = 0;
    for (int d = 0; d < 256; d++) {
      const uint32_t before = sum;
      for (int32_t part = 0; part < p.parts; part++) {
        const uint32_t count = counts[part][d];
        counts[part][d] = sum;
        sum += count;
      }
      is_constant |= sum - before == (uint32_t)n;
    }
    if (is_constant) continue;
    pare_parallel(move_digits, &p, p.parts, p.parts);
    void *other = (void *)p.from;
    p.from = p.to;
    p.to = other;
  }
  return (void *)p.from;
}

typedef struct {
  const float *x;
  uint32_t *keys;
  uint64_t *pairs;
  const void *sorted;
  float *values;
  int64_t *indices;
  uint32_t flip;
} order_context;

static void make_keys(void *context, intptr_t begin, intptr_t end) {
  const order_context *c = context;
  for (intptr_t i = begin; i < end; i++) c->keys[i] = key_of(c->x[i], c->flip, 0);
}
static void take_keys(void *context, intptr_t begin, intptr_t end) {
  const order_context *c = context;
  const uint32_t *keys = c->sorted;
  for (intptr_t i = begin; i < end; i++) c->values[i] = value_of(keys[i], c->flip);
}
static void make_pairs(void *context, intptr_t begin, intptr_t end) {
  const order_context *c = context;
  for (intptr_t i = begin; i < end; i++) c->pairs[i] = (uint64_t)key_of(c->x[i], c->flip, 1) << 32 | (uint64_t)i;
}
static void take_pairs(void *context, intptr_t begin, intptr_t end) {
  const order_context *c = context;
  const uint64_t *pairs = c->sorted;
  if (c->indices)
    for (intptr_t i = begin; i < end; i++) c->indices[i] = (int64_t)(uint32_t)pairs[i];
  // From the source: the key has lost the sign of a zero.
  if (c->values)
    for (intptr_t i = begin; i < end; i++) c->values[i] = c->x[(uint32_t)pairs[i]];
}

#if defined(__x86_64__)
#include "SortKernels.h"

enum { SAMPLES = 1024 };

typedef struct {
  const float *x;
  intptr_t n;
  uint32_t *keys;
  float *values;
  uint32_t flip, splitters[MAX_PARTS];
  int32_t parts;
  // By part and class: how many, then where the next goes; and where each class begins.
  intptr_t at[MAX_PARTS][MAX_PARTS], begin[MAX_PARTS + 1];
} class_sort;

static void radix_alone(uint32_t *x, uint32_t *spare, intptr_t n) {
  const void *sorted = radix_sort(x, spare, n, 0, 1);
  if (sorted != x) memcpy(x, sorted, sizeof(uint32_t) * (size_t)n);
}

static void count_part(void *context, intptr_t begin, intptr_t end) {
  class_sort *c = context;
  for (intptr_t part = begin; part < end; part++) {
    intptr_t first, last, reached[MAX_PARTS];
    share(c->n, c->parts, part, &first, &last);
    count_classes(c->x + first, last - first, c->flip, c->splitters, c->parts - 1, reached);
    intptr_t above = 0;
    for (int32_t q = c->parts - 1; q > 0; q--) {
      c->at[part][q] = reached[q - 1] - above;
      above = reached[q - 1];
    }
    c->at[part][0] = last - first - above;
  }
}

static void deal_part(void *context, intptr_t begin, intptr_t end) {
  class_sort *c = context;
  for (intptr_t part = begin; part < end; part++) {
    intptr_t first, last;
    share(c->n, c->parts, part, &first, &last);
    deal_classes(c->x + first, last - first, c->flip, c->splitters, c->parts - 1, c->keys, c->at[part]);
  }
}

static void sort_class(void *context, intptr_t begin, intptr_t end) {
  const class_sort *c = context;
  for (intptr_t q = begin; q < end; q++) {
    const intptr_t first = c->begin[q], n = c->begin[q + 1] - first;
    quicksort(c->keys + first, c->keys + c->n + first, n, 64, radix_alone);
    for (intptr_t i = first; i < first + n; i++) c->values[i] = value_of(c->keys[i], c->flip);
  }
}

// Deals the keys to one class for each thread, which sorts its own.
static void sort_by_classes(const float *x, intptr_t n, uint32_t flip, float *values, uint32_t *scratch, int32_t threads) {
  class_sort c = {.x = x, .n = n, .keys = scratch, .values = values, .flip = flip, .parts = parts_for(n, threads)};
  if (c.parts > 1) {
    uint32_t samples[SAMPLES], spare[SAMPLES];
    for (intptr_t i = 0; i < SAMPLES; i++) samples[i] = key_of(x[n / SAMPLES * i + n / (2 * SAMPLES)], flip, 0);
    quicksort(samples, spare, SAMPLES, 64, radix_alone);
    for (int32_t q = 1; q < c.parts; q++) c.splitters[q - 1] = samples[SAMPLES / c.parts * q];
  }
  pare_parallel(count_part, &c, c.parts, c.parts);
  intptr_t sum = 0;
  for (int32_t q = 0; q < c.parts; q++) {
    c.begin[q] = sum;
    for (int32_t part = 0; part < c.parts; part++) {
      const intptr_t count = c.at[part][q];
      c.at[part][q] = sum;
      sum += count;
    }
  }
  c.begin[c.parts] = sum;
  pare_parallel(deal_part, &c, c.parts, c.parts);
  pare_parallel(sort_class, &c, c.parts, c.parts);
}
#endif

void pare_sort_f32(const float *x, intptr_t n, int32_t descending, float *values, uint32_t *scratch, int32_t threads) {
  order_context c = {.x = x, .keys = scratch, .values = values, .flip = descending ? 0xffffffffu : 0};
#if defined(__x86_64__)
  if (pare_isa_level() == PARE_ISA_AVX512) return sort_by_classes(x, n, c.flip, values, scratch, threads);
#endif
  const int32_t parts = parts_for(n, threads);
  pare_parallel(make_keys, &c, n, parts);
  c.sorted = radix_sort(scratch, scratch + n, n, 0, threads);
  pare_parallel(take_keys, &c, n, parts);
}

static void insertion_sort(uint64_t *pairs, intptr_t n) {
  for (intptr_t i = 1; i < n; i++) {
    const uint64_t pair = pairs[i];
    intptr_t j = i;
    for (; j > 0 && pairs[j - 1] > pair; j--) pairs[j] = pairs[j - 1];
    pairs[j] = pair;
  }
}

void pare_argsort_f32(const float *x, intptr_t n, int32_t descending, float *values, int64_t *indices, uint64_t *scratch,
                      int32_t threads) {
  order_context c = {.x = x, .pairs = scratch, .values = values, .indices = indices, .flip = descending ? 0xffffffffu : 0};
  const int32_t parts = parts_for(n, threads);
  pare_parallel(make_pairs, &c, n, parts);
  if (n <= 48) {
    insertion_sort(scratch, n);
    c.sorted = scratch;
  } else {
    c.sorted = radix_sort(scratch, scratch + n, n, 1, threads);
  }
  pare_parallel(take_pairs, &c, n, parts);
}

// MARK: Selection

// Digits of a key from the top: 11, 11 and 10 bits.
static const int32_t level_shift[3] = {21, 10, 0}, level_bits[3] = {11, 11, 10};

typedef struct {
  const float *x;
  intptr_t n;
  uint32_t flip, prefix;
  int32_t level, parts;
  uint32_t (*counts)[MAX_BUCKETS];
} select_pass;

static inline uint32_t bucket_of(uint32_t key, int32_t bits, uint32_t prefix) {
  return key >> bits == prefix ? key & ((1u << bits) - 1) : MAX_BUCKETS;
}

static void count_prefixed(void *context, intptr_t begin, intptr_t end) {
  const select_pass *p = context;
  for (intptr_t part = begin; part < end; part++) {
    intptr_t first, last;
    share(p->n, p->parts, part, &first, &last);
    // One bucket more, for what lies elsewhere: no branch.
    uint32_t tables[4][MAX_BUCKETS + 16];
    memset(tables, 0, sizeof tables);
    const float *x = p->x;
    const uint32_t flip = p->flip, prefix = p->prefix;
    if (p->level == 0) {
      COUNT(key_of(x[i], flip, 1) >> 21);
    } else {
      const int32_t shift = level_shift[p->level], bits = level_bits[p->level];
      COUNT(bucket_of(key_of(x[i], flip, 1) >> shift, bits, prefix));
    }
    for (int d = 0; d < MAX_BUCKETS; d++)
      p->counts[part][d] = tables[0][d] + tables[1][d] + tables[2][d] + tables[3][d];
  }
}

// Finds the keys of some ranks, ascending, that all lie among the keys with one prefix, of which `before` are smaller.
static void select_level(select_pass *p, uint32_t prefix, int32_t level, int64_t before, const int64_t *ranks, int32_t count,
                         uint32_t *keys) {
  p->prefix = prefix;
  p->level = level;
  pare_parallel(count_prefixed, p, p->parts, p->parts);
  int64_t totals[MAX_BUCKETS];
  for (int d = 0; d < MAX_BUCKETS; d++) {
    totals[d] = 0;
    for (int32_t part = 0; part < p->parts; part++) totals[d] += p->counts[part][d];
  }
  int32_t next = 0;
  for (uint32_t d = 0; d < MAX_BUCKETS && next < count; d++) {
    const int64_t after = before + totals[d];
    int32_t inside = next;
    while (inside < count && ranks[inside] < after) inside++;
    if (inside > next) {
      const uint32_t key = prefix << level_bits[level] | d;
      if (level == 2) {
        for (int32_t i = next; i < inside; i++) keys[i] = key;
      } else {
        select_level(p, key, level + 1, before, ranks + next, inside - next, keys + next);
      }
      next = inside;
    }
    before = after;
  }
}

static int select_by_digits(const float *x, intptr_t n, uint32_t flip, const int64_t *ranks, int32_t count, uint32_t *keys,
                            int32_t threads) {
  select_pass p = {.x = x, .n = n, .flip = flip, .parts = parts_for(n, threads)};
  p.counts = malloc(sizeof(uint32_t[MAX_BUCKETS]) * (size_t)p.parts);
  if (!p.counts) return 0;
  select_level(&p, 0, 0, 0, ranks, count, keys);
  free(p.counts);
  return 1;
}

enum { SELECT_CHUNK = 4096, SELECT_SAMPLES = 1 << 15 };

// How many keys are below the lower bound, equal it, equal the upper one, are NaN.
typedef struct {
  int64_t below, lowest, highest, nans;
} select_counts;

#define KERNELS "SelectKernels.h"
#include "EveryIsa.h"

static intptr_t gather_between(const float *x, intptr_t n, uint32_t flip, uint32_t low, uint32_t high, uint32_t *to,
                               intptr_t room, select_counts *counts) {
  DISPATCH(between, x, n, flip, low, high, to, room, counts);
}
static void count_better(const float *x, intptr_t n, uint32_t flip, uint32_t limit, int64_t *better, int64_t *equal) {
  DISPATCH(count_better, x, n, flip, limit, better, equal);
}
static void take_better(const float *x, intptr_t first, intptr_t n, uint32_t flip, uint32_t limit, int64_t ties, uint64_t *to) {
  DISPATCH(take_better, x, first, n, flip, limit, ties, to);
}

// Sorts keys in place or in `spare`, of the same size, and returns where.
static const uint32_t *ordered_keys(uint32_t *keys, uint32_t *spare, intptr_t n, int32_t threads) {
#if defined(__x86_64__)
  if (pare_isa_level() == PARE_ISA_AVX512) {
    quicksort(keys, spare, n, 64, radix_alone);
    return keys;
  }
#endif
  return radix_sort(keys, spare, n, 0, threads);
}

typedef struct {
  const float *x;
  intptr_t n, room;  // room: of each part
  uint32_t flip, low, high, *to;
  int32_t parts;
  intptr_t taken[MAX_PARTS];
  select_counts counts[MAX_PARTS];
} between_pass;

static void between_part(void *context, intptr_t begin, intptr_t end) {
  between_pass *p = context;
  for (intptr_t part = begin; part < end; part++) {
    intptr_t first, last;
    share(p->n, p->parts, part, &first, &last);
    p->taken[part] = gather_between(
      p->x + first, last - first, p->flip, p->low, p->high, p->to + part * p->room, p->room, &p->counts[part]);
  }
}

// Finds the keys of ascending ranks that lie close together in one pass over the data, as Floyd and Rivest 1975,
// "Expected time bounds for selection": two keys of a sample enclose them, and what lies between is sorted. Returns 0
// when they do not enclose them (a sample that tells little) or memory is short.
static int select_by_sample(const float *x, intptr_t n, uint32_t flip, const int64_t *ranks, int32_t count, uint32_t *keys,
                            int64_t *nans, int32_t threads) {
  if (n < 16 * SELECT_SAMPLES) return 0;
  between_pass p = {.x = x, .n = n, .flip = flip, .parts = parts_for(n, threads)};
  p.room = (n / p.parts / 8 / SELECT_CHUNK + 2) * SELECT_CHUNK;
  const intptr_t whole = p.room * p.parts;
  uint32_t *memory = malloc(sizeof(uint32_t) * 2 * (size_t)(whole > SELECT_SAMPLES ? whole : SELECT_SAMPLES));
  if (!memory) return 0;
  for (intptr_t i = 0; i < SELECT_SAMPLES; i++) memory[i] = key_of(x[n / SELECT_SAMPLES * i + n / (2 * SELECT_SAMPLES)], flip, 1);
  const uint32_t *sample = ordered_keys(memory, memory + SELECT_SAMPLES, SELECT_SAMPLES, threads);
  // Four standard deviations of a rank in the sample, at most.
  const double scale = (double)SELECT_SAMPLES / (double)n;
  const intptr_t margin = 362;
  const intptr_t low = (intptr_t)((double)ranks[0] * scale) - margin, high = (intptr_t)((double)ranks[count - 1] * scale) + margin;
  p.low = low < 0 ? 0 : sample[low];
  p.high = high >= SELECT_SAMPLES ? 0xffffffffu : sample[high];
  p.to = memory;
  pare_parallel(between_part, &p, p.parts, p.parts);
  select_counts sum = {0};
  intptr_t taken = 0;
  int fits = 1;
  for (int32_t part = 0; part < p.parts && fits; part++) {
    fits = p.taken[part] >= 0;
    if (!fits) break;
    memmove(memory + taken, memory + part * p.room, sizeof(uint32_t) * (size_t)p.taken[part]);
    taken += p.taken[part];
    sum.below += p.counts[part].below;
    sum.lowest += p.counts[part].lowest;
    sum.highest += p.low == p.high ? 0 : p.counts[part].highest;
    sum.nans += p.counts[part].nans;
  }
  const int64_t inside = sum.below + sum.lowest;
  fits = fits && ranks[0] >= sum.below && ranks[count - 1] < inside + taken + sum.highest;
  if (fits) {
    const uint32_t *ordered = ordered_keys(memory, memory + whole, taken, threads);
    for (int32_t i = 0; i < count; i++)
      keys[i] = ranks[i] < inside ? p.low : ranks[i] < inside + taken ? ordered[ranks[i] - inside] : p.high;
    *nans = sum.nans;
  }
  free(memory);
  return fits;
}

int32_t pare_select_f32(const float *x, intptr_t n, const int64_t *ranks, int32_t count, float *values, int32_t *has_nan,
                        int32_t threads) {
  int64_t nans = -1;
  for (int32_t first = 0, next; first < count; first = next) {
    next = first + 1;
    while (next < count && ranks[next] - ranks[first] < n / 128) next++;
    uint32_t keys[PARE_SELECT_RANKS];
    if (!select_by_sample(x, n, 0, ranks + first, next - first, keys, &nans, threads)
        && !select_by_digits(x, n, 0, ranks + first, next - first, keys, threads)) return 0;
    for (int32_t i = first; i < next; i++) values[i] = value_of(keys[i - first], 0);
  }
  if (nans < 0) {
    int found = 0;
    for (intptr_t i = 0; i < n; i++) found |= x[i] != x[i];
    nans = found;
  }
  *has_nan = nans > 0;
  return 1;
}

typedef struct {
  const float *x;
  intptr_t n;
  uint32_t flip, limit;
  int32_t parts;
  int64_t better[MAX_PARTS], equal[MAX_PARTS]; // per part: how many; then where its own go and how many it may take
  uint64_t *pairs;
} top_context;

static void count_top(void *context, intptr_t begin, intptr_t end) {
  top_context *c = context;
  for (intptr_t part = begin; part < end; part++) {
    intptr_t first, last;
    share(c->n, c->parts, part, &first, &last);
    count_better(c->x + first, last - first, c->flip, c->limit, &c->better[part], &c->equal[part]);
  }
}

static void take_top(void *context, intptr_t begin, intptr_t end) {
  top_context *c = context;
  for (intptr_t part = begin; part < end; part++) {
    intptr_t first, last;
    share(c->n, c->parts, part, &first, &last);
    take_better(c->x + first, first, last - first, c->flip, c->limit, c->equal[part], c->pairs + c->better[part]);
  }
}

int32_t pare_topk_f32(const float *x, intptr_t n, intptr_t k, int32_t largest, float *values, int64_t *indices,
                      uint64_t *scratch, int32_t threads) {
  if (k == 0) return 1;
  top_context c = {.x = x, .n = n, .flip = largest ? 0xffffffffu : 0, .parts = parts_for(n, threads), .pairs = scratch};
  const int64_t rank = k - 1;
  int64_t nans;
  if (!select_by_sample(x, n, c.flip, &rank, 1, &c.limit, &nans, threads)
      && !select_by_digits(x, n, c.flip, &rank, 1, &c.limit, threads)) return 0;
  pare_parallel(count_top, &c, c.parts, c.parts);
  int64_t ties = k, start = 0;
  for (int32_t part = 0; part < c.parts; part++) ties -= c.better[part];
  for (int32_t part = 0; part < c.parts; part++) {
    const int64_t taken = c.equal[part] < ties ? c.equal[part] : ties, better = c.better[part];
    c.better[part] = start;
    c.equal[part] = taken;
    ties -= taken;
    start += better + taken;
  }
  pare_parallel(take_top, &c, c.parts, c.parts);
  order_context o = {.x = x, .values = values, .indices = indices};
  o.sorted = radix_sort(scratch, scratch + k, k, 1, threads);
  pare_parallel(take_pairs, &o, k, parts_for(k, threads));
  return 1;
}
