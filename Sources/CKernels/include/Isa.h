#pragma once
#include <stdint.h>

// The instruction sets for which kernels are compiled, weakest first.
typedef enum { PARE_ISA_PORTABLE = 0, PARE_ISA_AVX2 = 1, PARE_ISA_AVX512 = 2 } pare_isa;

// The strongest set that this processor has, or what PARE_ISA ("portable", "avx2", "avx512") or pare_limit_isa lowered
// it to. AVX2 means x86-64-v3, AVX512 x86-64-v4 (F, BW, CD, DQ, VL).
pare_isa pare_isa_level(void);
// Whether level and processor allow AVX-512 VNNI (sums of products of bytes), VPOPCNTDQ (set bits of a word) and the rounds
// of SHA-256.
int pare_has_vnni(void);
int pare_has_popcount(void);
int pare_has_sha(void);
// Lowers the level for the whole process, so that tests reach every path; a stronger set than the processor's is ignored.
void pare_limit_isa(pare_isa level);

// Whether the processor multiplies pairs of bf16 (AVX512_BF16, AMX).
int32_t pare_has_bf16(void);
