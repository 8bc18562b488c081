# llhttp, which head_fuzz compares our reading of heads with: the system's library where there is
# one; Debian 12 has only its C sources, which `make deps` unpacks into build/deps/llhttp.
pkg_check_modules(system_llhttp QUIET IMPORTED_TARGET libllhttp)
add_library(llhttp INTERFACE)
if(system_llhttp_FOUND)
  target_link_libraries(llhttp INTERFACE PkgConfig::system_llhttp)
else()
  set(TIDEGATE_LLHTTP ${CMAKE_SOURCE_DIR}/build/deps/llhttp CACHE PATH "Unpacked node-llhttp")
  set(llhttp_sources ${TIDEGATE_LLHTTP}/usr/share/llhttp)
  if(NOT EXISTS ${llhttp_sources}/llhttp.c)
    message(FATAL_ERROR "llhttp is missing: run 'make deps'")
  endif()
  add_library(llhttp_unpacked STATIC ${llhttp_sources}/llhttp.c ${llhttp_sources}/api.c
    ${llhttp_sources}/http.c)
  # Strict: otherwise "Host : a" and bare line feeds pass.
  target_compile_definitions(llhttp_unpacked PRIVATE LLHTTP_STRICT_MODE=1)
  # The distributed includes are "llhttp.h"; ours are <llhttp.h>.
  target_include_directories(llhttp_unpacked SYSTEM PUBLIC
    ${TIDEGATE_LLHTTP}/usr/share/include/llhttp)
  target_compile_options(llhttp_unpacked PRIVATE -O2)
  target_link_libraries(llhttp INTERFACE llhttp_unpacked)
endif()
