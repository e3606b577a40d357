# What an installed moot is: the two programs with their man pages, and libmoot for programs of others,
# as one archive with a CMake package (`find_package(moot)`, moot::moot) and a pkg-config file.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

# Every part that libmoot stands on, found by following its links.
set(parts moot_net_client)
set(objects "")
while(parts)
  list(POP_FRONT parts part)
  if(part IN_LIST seen)
    continue()
  endif()
  list(APPEND seen ${part})
  get_target_property(type ${part} TYPE)
  if(type STREQUAL STATIC_LIBRARY)
    list(APPEND objects $<TARGET_OBJECTS:${part}>)
  endif()
  get_target_property(links ${part} INTERFACE_LINK_LIBRARIES)
  list(FILTER links INCLUDE REGEX "^moot_")
  list(APPEND parts ${links})
endwhile()
add_library(moot_archive STATIC ${objects})
set_target_properties(moot_archive PROPERTIES OUTPUT_NAME moot LINKER_LANGUAGE CXX)

install(TARGETS mootd moot)
install(TARGETS moot_archive)
install(DIRECTORY ${CMAKE_SOURCE_DIR}/include/moot DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
foreach(section 1 5)
  file(GLOB pages CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/docs/man/*.${section})
  install(FILES ${pages} DESTINATION ${CMAKE_INSTALL_MANDIR}/man${section})
endforeach()

# The libraries under libmoot, by the names of pkg-config, which both of the following use.
set(MOOT_REQUIRES "openssl libsodium sqlite3 libutf8proc libhwy")
set(config_dir ${CMAKE_INSTALL_LIBDIR}/cmake/moot)
configure_package_config_file(${CMAKE_CURRENT_LIST_DIR}/moot-config.cmake.in
  ${CMAKE_BINARY_DIR}/moot-config.cmake INSTALL_DESTINATION ${config_dir}
  PATH_VARS CMAKE_INSTALL_LIBDIR CMAKE_INSTALL_INCLUDEDIR)
write_basic_package_version_file(${CMAKE_BINARY_DIR}/moot-config-version.cmake
  COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_BINARY_DIR}/moot-config.cmake ${CMAKE_BINARY_DIR}/moot-config-version.cmake
  DESTINATION ${config_dir})
configure_file(${CMAKE_CURRENT_LIST_DIR}/moot.pc.in ${CMAKE_BINARY_DIR}/moot.pc @ONLY)
install(FILES ${CMAKE_BINARY_DIR}/moot.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)

# Completions come from what the programs say of themselves.
set(completions ${CMAKE_BINARY_DIR}/completions)
add_custom_target(completions
  COMMAND ${CMAKE_COMMAND} -E env python3 ${CMAKE_SOURCE_DIR}/tools/completions.py ${completions}
    $<TARGET_FILE:mootd> $<TARGET_FILE:moot>
  DEPENDS mootd moot VERBATIM)
install(DIRECTORY ${completions}/ DESTINATION ${CMAKE_INSTALL_DATADIR} OPTIONAL)
