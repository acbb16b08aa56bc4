#pragma once

/// First entry of the section `pare_operators`, or null when the program holds none.
const void *pare_operators_start(void);
/// End of the section.
const void *pare_operators_stop(void);
