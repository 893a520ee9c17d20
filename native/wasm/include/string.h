// The functions of <string.h> that kernels use, as instructions.
#pragma once

#define memcpy __builtin_memcpy
#define memset __builtin_memset
