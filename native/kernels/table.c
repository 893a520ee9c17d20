// The kernels of one instruction set, in the order of kernels.def.
#include "kernel.h"

#define KERNEL_ENTRY(name) {#name, HEED_NAME(name)},
const heed_entry HEED_NAME(table)[] = {
#include "../kernels.def"
};
