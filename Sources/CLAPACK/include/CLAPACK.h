#pragma once
// Debian's OpenMP build of OpenBLAS: CBLAS, and LAPACK's Fortran symbols declared by LAPACKE.
#include <openblas-openmp/cblas.h>
