#pragma once
#include "BatchNorm.h"
#include "ChannelBlocks.h"
#include "Convert.h"
#include "Elementwise.h"
#include "Isa.h"
#include "OperatorSection.h"
#include "Reduce.h"
#include "Softmax.h"
#include <stdint.h>

// Runs body(context, begin, end) over 0..<count, split evenly over at most `threads` threads of libgomp's pool: the one
// pool that OpenBLAS and oneDNN also use. Inside a parallel region it runs on the calling thread.
void pare_parallel(void (*body)(void *context, intptr_t begin, intptr_t end), void *context, intptr_t count,
                   int32_t threads);
// The number of threads that libgomp's regions (OpenBLAS, oneDNN) take when started from the calling thread.
void pare_set_threads(int32_t threads);

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
