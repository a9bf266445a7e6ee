// What one thread takes from the heap, for tests that hold a reader to its file's size.
//
// Linking this target replaces malloc and its kin in the test program; a thread that does not
// measure pays for one test of a flag.
#pragma once
#include <stddef.h>

/// Begins to count the calling thread's bytes, from zero.
void allocation_meter_start(void);

/// Ends the count and gives the most bytes that the thread held at one time, untouched ones included.
size_t allocation_meter_stop(void);
