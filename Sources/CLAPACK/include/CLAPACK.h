#pragma once
// Debian's OpenMP build of OpenBLAS: CBLAS, and LAPACK's Fortran symbols declared by LAPACKE.
#include <openblas-openmp/cblas.h>

// LAPACK as OpenBLAS exports it: Fortran's calling convention, column-major matrices.
void sbdsdc_(const char *uplo, const char *compq, const int *n, float *d, float *e, float *u, const int *ldu, float *vt,
             const int *ldvt, float *q, int *iq, float *work, int *iwork, int *info);
void dbdsdc_(const char *uplo, const char *compq, const int *n, double *d, double *e, double *u, const int *ldu,
             double *vt, const int *ldvt, double *q, int *iq, double *work, int *iwork, int *info);
void sgeqrf_(const int *m, const int *n, float *a, const int *lda, float *tau, float *work, const int *lwork, int *info);
void dgeqrf_(const int *m, const int *n, double *a, const int *lda, double *tau, double *work, const int *lwork,
             int *info);
void sorgqr_(const int *m, const int *n, const int *k, float *a, const int *lda, const float *tau, float *work,
             const int *lwork, int *info);
void dorgqr_(const int *m, const int *n, const int *k, double *a, const int *lda, const double *tau, double *work,
             const int *lwork, int *info);
void spotrf_(const char *uplo, const int *n, float *a, const int *lda, int *info);
void dpotrf_(const char *uplo, const int *n, double *a, const int *lda, int *info);
void sgetrf_(const int *m, const int *n, float *a, const int *lda, int *pivots, int *info);
void dgetrf_(const int *m, const int *n, double *a, const int *lda, int *pivots, int *info);
void sgetrs_(const char *trans, const int *n, const int *nrhs, float *a, const int *lda, int *pivots, float *b,
             const int *ldb, int *info);
void dgetrs_(const char *trans, const int *n, const int *nrhs, double *a, const int *lda, int *pivots, double *b,
             const int *ldb, int *info);
void ssyevd_(const char *job, const char *uplo, const int *n, float *a, const int *lda, float *w, float *work,
             const int *lwork, int *iwork, const int *liwork, int *info);
void dsyevd_(const char *job, const char *uplo, const int *n, double *a, const int *lda, double *w, double *work,
             const int *lwork, int *iwork, const int *liwork, int *info);
