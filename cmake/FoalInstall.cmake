# Installs headers, both libraries, foal.pc and the CMake package.
#
# Headers go to include/foal/{runtime,ssl,net} and include/foal/foal.h; the include directory
# is include/foal, so `#include <foal.h>` works in the build tree and in the installed one.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

get_property(headers GLOBAL PROPERTY foal_headers)
foreach(header IN LISTS headers)
  get_filename_component(folder ${header} DIRECTORY)
  install(FILES ${header} DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/foal/${folder})
endforeach()
install(FILES foal.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/foal)
if(FOAL_SIM)
  install(FILES sim/sim.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/foal/sim)
  install(TARGETS foal_sim EXPORT foal-targets)
endif()

set(foal_package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/foal)
install(TARGETS foal_shared foal_static EXPORT foal-targets)
install(EXPORT foal-targets NAMESPACE foal:: DESTINATION ${foal_package_dir})
configure_package_config_file(cmake/foal-config.cmake.in
  ${PROJECT_BINARY_DIR}/foal-config.cmake INSTALL_DESTINATION ${foal_package_dir})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/foal-config-version.cmake
  COMPATIBILITY SameMinorVersion)
install(FILES
  ${PROJECT_BINARY_DIR}/foal-config.cmake ${PROJECT_BINARY_DIR}/foal-config-version.cmake
  DESTINATION ${foal_package_dir})

cmake_path(RELATIVE_PATH CMAKE_INSTALL_FULL_LIBDIR
  BASE_DIRECTORY ${CMAKE_INSTALL_PREFIX} OUTPUT_VARIABLE foal_pc_libdir)
cmake_path(RELATIVE_PATH CMAKE_INSTALL_FULL_INCLUDEDIR
  BASE_DIRECTORY ${CMAKE_INSTALL_PREFIX} OUTPUT_VARIABLE foal_pc_includedir)
set(foal_pc_cflags "")
if(FOAL_DEBUG)
  set(foal_pc_cflags " -DFOAL_DEBUG=1")
endif()
configure_file(cmake/foal.pc.in ${PROJECT_BINARY_DIR}/foal.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/foal.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
