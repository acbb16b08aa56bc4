// Results may be the operands themselves, element by element; clang is told that nothing else overlaps.
#define APART _Pragma("clang loop vectorize(assume_safety)")

static void K(sgd_part)(const float *w, const float *g, const float *velocity,
                        float *next, float *next_velocity, intptr_t begin, intptr_t end, pare_sgd o) {
  if (!next_velocity) {
    APART for (intptr_t i = begin; i < end; i++) next[i] = w[i] - o.rate * (g[i] + o.decay * w[i]);
  } else if (!velocity) {
    float ahead = o.nesterov ? 1 + o.momentum : 1;
    APART for (intptr_t i = begin; i < end; i++) {
      float d = g[i] + o.decay * w[i];
      next_velocity[i] = d;
      next[i] = w[i] - o.rate * ahead * d;
    }
  } else if (o.nesterov) {
    APART for (intptr_t i = begin; i < end; i++) {
      float d = g[i] + o.decay * w[i], v = o.momentum * velocity[i] + d;
      next_velocity[i] = v;
      next[i] = w[i] - o.rate * (d + o.momentum * v);
    }
  } else {
    APART for (intptr_t i = begin; i < end; i++) {
      float v = o.momentum * velocity[i] + (g[i] + o.decay * w[i]);
      next_velocity[i] = v;
      next[i] = w[i] - o.rate * v;
    }
  }
}

static void K(adam_part)(const float *w, const float *g, const float *first,
                         const float *second, float *next, float *next_first,
                         float *next_second, intptr_t begin, intptr_t end, pare_adam o) {
#define MOVE(M, V)                                                                     \
  APART for (intptr_t i = begin; i < end; i++) {                                         \
    float d = g[i] + o.decay * w[i];                                                     \
    float m = (1 - o.beta1) * d + (M), v = (1 - o.beta2) * d * d + (V);                  \
    next_first[i] = m;                                                                   \
    next_second[i] = v;                                                                  \
    next[i] = o.shrink * w[i] - o.rate * m / (__builtin_elementwise_sqrt(v) / o.correction + o.epsilon); \
  }
  if (first) {
    MOVE(o.beta1 * first[i], o.beta2 * second[i])
  } else {
    MOVE(0, 0)
  }
#undef MOVE
}

#undef APART
