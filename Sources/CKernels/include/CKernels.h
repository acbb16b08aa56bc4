#pragma once
#include "BatchNorm.h"
#include "BinaryConvolution.h"
#include "BlockConvolution.h"
#include "CRC32C.h"
#include "ChannelBlocks.h"
#include "Convert.h"
#include "Elementwise.h"
#include "Gemm.h"
#include "Integers.h"
#include "Isa.h"
#include "LayerNorm.h"
#include "MaxPool.h"
#include "NarrowLinear.h"
#include "OperatorSection.h"
#include "Optimizers.h"
#include "Reduce.h"
#include "SHA256.h"
#include "Softmax.h"
#include "SparseConvolution.h"
#include <stdint.h>

// Runs body(context, begin, end) over 0..<count, split evenly over at most `threads` threads of libgomp's pool: the one
// pool that OpenBLAS and oneDNN also use. Inside a parallel region it runs on the calling thread.
void pare_parallel(void (*body)(void *context, intptr_t begin, intptr_t end), void *context, intptr_t count,
                   int32_t threads);
// The number of threads that libgomp's regions (OpenBLAS, oneDNN) take when started from the calling thread.
void pare_set_threads(int32_t threads);
// Takes the calling thread off the processors of its workers; before a region of those libraries. Costs some 20 ns.
void pare_settle(void);

// Sets for the C library's heap, in bytes: from where on a block is mapped on its own, how much may be free at its end before
// that goes back to the system, and how much more than needed it takes when it grows.
void pare_set_heap(int32_t mapped, int32_t trimmed, int32_t padding);

// What the calling thread has switched on for the time of a closure. One struct, because Swift has no thread-local storage.
typedef struct {
  int32_t without_gradient;  // depth of nested withoutGradient calls
  int32_t reference_backend; // depth of nested withBackend(.reference) calls
  int32_t scoped_threads;    // what withThreads asks for; 0: the process's number
  int32_t threads;           // the last value handed to pare_set_threads from this thread; 0: none yet
} pare_thread_state;
pare_thread_state *pare_thread(void);

// How many processors the scheduler lets this process use.
int32_t pare_allowed_processors(void);

// Bidiagonal.c: a = Q B P' for an m x n matrix in columns, m >= n, entries of at most about 1. d, e: diagonal and upper
// diagonal of B. The columns of a become those of the reflectors I - tau x x' of Q, columns of v those of P, zeros and
// the leading one written out. lda: a multiple of 16 from m, the entries from m on zero. work: 2 lda + ldv + threads lda.
// One call makes columns from..<to; calls follow each other from 0 to n with the same arguments.
void pare_bidiagonalize_f32(float *a, intptr_t lda, intptr_t m, intptr_t n, float *d, float *e, float *tau_left,
                            float *tau_right, float *v, intptr_t ldv, float *work, intptr_t from, intptr_t to, int32_t threads);
void pare_bidiagonalize_f64(double *a, intptr_t lda, intptr_t m, intptr_t n, double *d, double *e, double *tau_left,
                            double *tau_right, double *v, intptr_t ldv, double *work, intptr_t from, intptr_t to, int32_t threads);

// Order.c: n below 2^32. -0 equals 0 (a sort of values alone puts it before 0), NaN comes last in both directions, equal
// elements keep their order. The same results for every number of threads.
// scratch: 2 n keys.
void pare_sort_f32(const float *x, intptr_t n, int32_t descending, float *values, uint32_t *scratch, int32_t threads);
// values may be null; scratch: 2 n pairs.
void pare_argsort_f32(const float *x, intptr_t n, int32_t descending, float *values, int64_t *indices, uint64_t *scratch,
                      int32_t threads);
// The elements at ascending 0-based `ranks` of ascending order, at most PARE_SELECT_RANKS, and whether there is a NaN.
// 0 when memory is short.
enum { PARE_SELECT_RANKS = 64 };
int32_t pare_select_f32(const float *x, intptr_t n, const int64_t *ranks, int32_t count, float *values, int32_t *has_nan,
                        int32_t threads);
// The first k of the order that puts the largest (or smallest) first. scratch: 2 k pairs. 0 when memory is short.
int32_t pare_topk_f32(const float *x, intptr_t n, intptr_t k, int32_t largest, float *values, int64_t *indices,
                      uint64_t *scratch, int32_t threads);
