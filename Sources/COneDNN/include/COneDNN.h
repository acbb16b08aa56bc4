#pragma once
#include <oneapi/dnnl/dnnl.h>

// The size of the OpenMP team that oneDNN plans for and runs with; declared here because clang brings no omp.h.
int omp_get_max_threads(void);
void omp_set_num_threads(int threads);
