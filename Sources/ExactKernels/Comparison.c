#include "ExactKernels.h"
#include <math.h>

exact_difference exact_compare(const float *found, size_t stride, const float *golden,
                               size_t count) {
    exact_difference d = {0, 0, 0, 0};
    for (size_t k = 0; k < count; k++) {
        double difference = fabs((double)found[k * stride] - (double)golden[k]);
        if (!isfinite(difference)) difference = INFINITY;
        d.squared_difference += difference * difference;
        d.squared_golden += (double)golden[k] * (double)golden[k];
        d.largest_difference = fmax(d.largest_difference, difference);
        d.largest_golden = fmax(d.largest_golden, fabs((double)golden[k]));
    }
    return d;
}

void exact_statistics(const float *values, size_t count, double out[3]) {
    double sum = 0, squares = 0, deviations = 0;
    for (size_t k = 0; k < count; k++) {
        sum += values[k];
        squares += (double)values[k] * (double)values[k];
    }
    double mean = count ? sum / (double)count : 0;
    for (size_t k = 0; k < count; k++) {
        double deviation = (double)values[k] - mean;
        deviations += deviation * deviation;
    }
    out[0] = mean;
    out[1] = count ? sqrt(deviations / (double)count) : 0;
    out[2] = sqrt(squares);
}
