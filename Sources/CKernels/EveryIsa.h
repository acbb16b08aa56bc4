// Compiles one file of kernels once per instruction set. No include guard: each kernel file includes it.
//
// K_LANES is the number of f32 in one of its registers.
//
//
//   #define KERNELS "ElementwiseKernels.h"     // defines its functions as K(name)
//   #include "EveryIsa.h"
//   void pare_x(...) { DISPATCH(x, ...); }     // calls x_avx512, x_avx2 or x_portable
#include "Isa.h"

#define K(name) name##_portable
#define K_LANES 4
#include KERNELS
#undef K
#undef K_LANES

#if defined(__x86_64__)
#pragma clang attribute push(__attribute__((target("arch=x86-64-v3"))), apply_to = function)
#define K(name) name##_avx2
#define K_LANES 8
#include KERNELS
#undef K
#undef K_LANES
#pragma clang attribute pop

#pragma clang attribute push(__attribute__((target("arch=x86-64-v4"))), apply_to = function)
#define K(name) name##_avx512
#define K_LANES 16
#include KERNELS
#undef K
#undef K_LANES
#pragma clang attribute pop

#define DISPATCH_AT(level, name, ...)                          \
  do {                                                         \
    switch (level) {                                           \
      case PARE_ISA_AVX512: return name##_avx512(__VA_ARGS__); \
      case PARE_ISA_AVX2: return name##_avx2(__VA_ARGS__);     \
      default: return name##_portable(__VA_ARGS__);            \
    }                                                          \
  } while (0)
#else
#define DISPATCH_AT(level, name, ...) return name##_portable(__VA_ARGS__)
#endif
#define DISPATCH(name, ...) DISPATCH_AT(pare_isa_level(), name, __VA_ARGS__)
