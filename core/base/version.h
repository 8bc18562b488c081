// The program's version, as CMake's project() states it.
#pragma once

#ifndef TIDEGATE_VERSION
#    error "TIDEGATE_VERSION comes from CMakeLists.txt"
#endif
