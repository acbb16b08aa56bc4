// The bounds of the section in which the files under Sources/Graph/Operators place their entries. The linker defines
// them when a program holds at least one; elsewhere they are null.
#include "OperatorSection.h"

extern const char __start_pare_operators[] __attribute__((weak));
extern const char __stop_pare_operators[] __attribute__((weak));

const void *pare_operators_start(void) { return __start_pare_operators; }
const void *pare_operators_stop(void) { return __stop_pare_operators; }
