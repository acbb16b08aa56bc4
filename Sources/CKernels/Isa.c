#include "Isa.h"
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

static pare_isa processor(void) {
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512cd")
      && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl"))
    return PARE_ISA_AVX512;
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi2")) return PARE_ISA_AVX2;
#endif
  return PARE_ISA_PORTABLE;
}

static pare_isa lower(pare_isa a, pare_isa b) { return a < b ? a : b; }

static pare_isa first_level(void) {
  const char *wanted = getenv("PARE_ISA");
  pare_isa level = processor();
  if (wanted && strcmp(wanted, "portable") == 0) return PARE_ISA_PORTABLE;
  if (wanted && strcmp(wanted, "avx2") == 0) return lower(level, PARE_ISA_AVX2);
  return level;
}

// -1: not asked yet.
static atomic_int current = -1;

pare_isa pare_isa_level(void) {
  int level = atomic_load_explicit(&current, memory_order_relaxed);
  if (level < 0) {
    level = first_level();
    atomic_store_explicit(&current, level, memory_order_relaxed);
  }
  return (pare_isa)level;
}

void pare_limit_isa(pare_isa level) {
  atomic_store_explicit(&current, lower(level, processor()), memory_order_relaxed);
}

int32_t pare_has_bf16(void) {
#if defined(__x86_64__)
  __builtin_cpu_init();
  return __builtin_cpu_supports("avx512bf16") != 0;
#else
  return 0;
#endif
}

#if defined(__x86_64__)
int pare_has_vnni(void) { return pare_isa_level() == PARE_ISA_AVX512 && __builtin_cpu_supports("avx512vnni"); }
int pare_has_popcount(void) { return pare_isa_level() == PARE_ISA_AVX512 && __builtin_cpu_supports("avx512vpopcntdq"); }
int pare_has_sha(void) { return pare_isa_level() >= PARE_ISA_AVX2 && __builtin_cpu_supports("sha"); }
#else
int pare_has_vnni(void) { return 0; }
int pare_has_popcount(void) { return 0; }
int pare_has_sha(void) { return 0; }
#endif
