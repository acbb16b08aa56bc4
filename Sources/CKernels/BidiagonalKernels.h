// Included by EveryIsa.h: one pass over the columns of a bidiagonalization, for f32 and f64. The vectors are the
// compiler's own; the sizes below keep accumulators and coefficients of one group of columns in registers.
#if K_LANES == 16
#define VECTOR_BYTES 64
#define GROUP 8
#elif K_LANES == 8
#define VECTOR_BYTES 32
#define GROUP 4
#else
#define VECTOR_BYTES 16
#define GROUP 4
#endif

#define REAL float
#define PASS pare_pass_f32
#define NAME(name) K(name##_f32)
#include "BidiagonalPass.h"
#undef REAL
#undef PASS
#undef NAME

#define REAL double
#define PASS pare_pass_f64
#define NAME(name) K(name##_f64)
#include "BidiagonalPass.h"
#undef REAL
#undef PASS
#undef NAME

#undef VECTOR_BYTES
#undef GROUP
