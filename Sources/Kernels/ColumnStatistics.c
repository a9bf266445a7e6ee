#include "Kernels.h"
#include "Vector.h"
#include <math.h>
#include <string.h>

CLONES void kernel_global_response(const float *x, int64_t rows, int64_t channels,
                                   const float *gain, const float *bias, float eps, float *scale,
                                   float *shift, double *work) {
    memset(work, 0, (size_t)channels * sizeof(double));
    for (int64_t r = 0; r < rows; r++, x += channels)
        for (int64_t c = 0; c < channels; c++) work[c] += (double)x[c] * (double)x[c];
    double mean = 0;
    for (int64_t c = 0; c < channels; c++) {
        work[c] = sqrt(work[c]);
        mean += work[c];
    }
    mean = mean / (double)channels + (double)eps;
    for (int64_t c = 0; c < channels; c++) {
        scale[c] = (float)(1 + (double)gain[c] * (work[c] / mean));
        shift[c] = bias[c];
    }
}

CLONES void kernel_column_means(const float *x, float *y, int64_t rows, int64_t channels,
                                double *work) {
    memset(work, 0, (size_t)channels * sizeof(double));
    for (int64_t r = 0; r < rows; r++, x += channels)
        for (int64_t c = 0; c < channels; c++) work[c] += (double)x[c];
    for (int64_t c = 0; c < channels; c++) y[c] = (float)(work[c] / (double)rows);
}
