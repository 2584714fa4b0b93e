// What kernels and modules are compressed with: zlib, liblzma, libzstd and liblz4.
#ifndef CCOMPRESSION_SHIM_H
#define CCOMPRESSION_SHIM_H
#include <lz4.h>
#include <lzma.h>
#include <zlib.h>
#include <zstd.h>
#endif
