// What a plugin file says about itself, in the one form that can be read before any of its code runs.
//
// `pare plugin build` compiles a C file that defines `pare_plugin_stamp` in its own ELF section. The host reads that
// section from the file, and loads the image only when interface, compiler and core build are its own: Swift's types
// have no stable layout across builds, so anything else would crash inside the first call.
#pragma once
#include <stdint.h>

#define PARE_STAMP_MAGIC "PARE-ABI"
#define PARE_STAMP_SECTION ".pare_stamp"
#define PARE_INTERFACE_VERSION 1

// Texts are padded with zeros and always end in one.
struct pare_plugin_stamp {
  char magic[8];               // PARE_STAMP_MAGIC, without a zero
  uint32_t size;               // of this struct
  uint32_t interface_version;  // PARE_INTERFACE_VERSION
  char compiler[160];          // pare_compiler()
  char core_build[64];         // hexadecimal GNU build id of the executable
  char module[64];             // the plugin's module name, another one for each build
};

_Static_assert(sizeof(struct pare_plugin_stamp) == 304, "the stamp's layout is part of the interface");

// The toolchain that compiles the including file: Swift's own clang, named with its exact revision.
static inline const char *pare_compiler(void) { return __VERSION__; }

// The ELF header of the image that this code is linked into, as the linker names it.
extern const char __ehdr_start[] __attribute__((visibility("hidden")));
static inline const void *pare_image_header(void) { return __ehdr_start; }
