static void K(sgd_part)(const float *restrict w, const float *restrict g, const float *restrict velocity,
                        float *restrict next, float *restrict next_velocity, intptr_t begin, intptr_t end, pare_sgd o) {
  if (!next_velocity) {
    for (intptr_t i = begin; i < end; i++) next[i] = w[i] - o.rate * (g[i] + o.decay * w[i]);
  } else if (!velocity) {
    float ahead = o.nesterov ? 1 + o.momentum : 1;
    for (intptr_t i = begin; i < end; i++) {
      float d = g[i] + o.decay * w[i];
      next_velocity[i] = d;
      next[i] = w[i] - o.rate * ahead * d;
    }
  } else if (o.nesterov) {
    for (intptr_t i = begin; i < end; i++) {
      float d = g[i] + o.decay * w[i], v = o.momentum * velocity[i] + d;
      next_velocity[i] = v;
      next[i] = w[i] - o.rate * (d + o.momentum * v);
    }
  } else {
    for (intptr_t i = begin; i < end; i++) {
      float v = o.momentum * velocity[i] + (g[i] + o.decay * w[i]);
      next_velocity[i] = v;
      next[i] = w[i] - o.rate * v;
    }
  }
}

static void K(adam_part)(const float *restrict w, const float *restrict g, const float *restrict first,
                         const float *restrict second, float *restrict next, float *restrict next_first,
                         float *restrict next_second, intptr_t begin, intptr_t end, pare_adam o) {
  for (intptr_t i = begin; i < end; i++) {
    float d = g[i] + o.decay * w[i];
    float m = (1 - o.beta1) * d, v = (1 - o.beta2) * d * d;
    if (first) {
      m += o.beta1 * first[i];
      v += o.beta2 * second[i];
    }
    next_first[i] = m;
    next_second[i] = v;
    next[i] = o.shrink * w[i] - o.rate * m / (__builtin_sqrtf(v) / o.correction + o.epsilon);
  }
}
