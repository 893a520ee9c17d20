// The number of kernels.
#include "heed.h"

#define KERNEL_ENTRY(name) +1
const int heed_kernel_count = 0
#include "kernels.def"
    ;
