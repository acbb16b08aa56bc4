#pragma once
#include <stdint.h>

// One step of an optimizer over n parameters, each array read once and written once. A result may be its own
// operand (`next` w, `next_velocity` velocity, ...) but not overlap it otherwise.

typedef struct {
  float rate, momentum, decay;
  int32_t nesterov;
} pare_sgd;

// d = g + decay w; v' = momentum v + d (d in the first step, where `v` is null); w' = w - rate (d + momentum v' or v').
// Without momentum `velocity` and `next_velocity` are null.
void pare_sgd_step(const float *w, const float *g, const float *velocity, float *next, float *next_velocity, intptr_t n,
                   pare_sgd options, int32_t threads);

typedef struct {
  float rate;        // the learning rate over the correction of the first moment
  float shrink;      // what w is multiplied by first: 1, or 1 - rate * decay
  float decay;       // added to the gradient, times w
  float beta1, beta2, epsilon;
  float correction;  // of the second moment's root, which it divides
} pare_adam;

// `first` and `second` are null in the first step.
void pare_adam_step(const float *w, const float *g, const float *first, const float *second, float *next,
                    float *next_first, float *next_second, intptr_t n, pare_adam options, int32_t threads);
