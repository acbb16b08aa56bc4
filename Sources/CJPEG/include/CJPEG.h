#pragma once
// TurboJPEG: errors come as return values; libjpeg's longjmp stays inside.
#include <turbojpeg.h>
