#pragma once
#include "Product.h"

// Products of numbers of 16 bits, for Product.c.

/// Columns of a panel, and numbers of a row that go through together.
enum { HALF_PANEL = 160, HALF_DEPTH = 1280 };

/// As `kernel_product_run` and `kernel_product_gate`.
void half_product_run(const kernel_product *product, int64_t first_row, int64_t last_row,
                      int64_t first_panel, int64_t last_panel);
void half_product_gate(const kernel_product *product, int64_t first_row, int64_t last_row);
int64_t half_product_scratch(void);
