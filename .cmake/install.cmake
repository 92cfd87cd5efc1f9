include(CMakePackageConfigHelpers)
set(package_folder ${CMAKE_INSTALL_LIBDIR}/cmake/ferry)
set(pc_folder ${CMAKE_INSTALL_LIBDIR}/pkgconfig)

install(TARGETS ferry_core ferry_workers EXPORT ferry-targets FILE_SET HEADERS)
if(TARGET ferry)
  install(TARGETS ferry)
endif()
install(EXPORT ferry-targets NAMESPACE ferry:: DESTINATION ${package_folder})

configure_package_config_file(.cmake/ferry-config.cmake.in ${PROJECT_BINARY_DIR}/ferry-config.cmake
                              INSTALL_DESTINATION ${package_folder})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/ferry-config-version.cmake
                                 COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/ferry-config.cmake
              ${PROJECT_BINARY_DIR}/ferry-config-version.cmake
        DESTINATION ${package_folder})

# Relative, so that the installed tree may be moved.
file(RELATIVE_PATH FERRY_PREFIX_FROM_PC /prefix/${pc_folder} /prefix)
string(REGEX REPLACE "/$" "" FERRY_PREFIX_FROM_PC "${FERRY_PREFIX_FROM_PC}")
foreach(library IN ITEMS core workers)
  configure_file(.cmake/ferry-${library}.pc.in ferry-${library}.pc @ONLY)
  install(FILES ${PROJECT_BINARY_DIR}/ferry-${library}.pc DESTINATION ${pc_folder})
endforeach()

install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})
