#pragma once
#include <png.h>

// PNG_FORMAT_RGB and PNG_IMAGE_VERSION are macros that Swift does not see. Only the simplified interface is used: it
// catches libpng's longjmp itself and reports errors by return value.
static inline png_uint_32 pare_png_version(void) { return PNG_IMAGE_VERSION; }
static inline png_uint_32 pare_png_rgb(void) { return PNG_FORMAT_RGB; }
