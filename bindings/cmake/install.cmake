# What package managers install: DUALPATH_INSTALL=ON. One library, shared or static as BUILD_SHARED_LIBS
# says, is the target dualpath::dualpath of find_package(dualpath).
include(CMakePackageConfigHelpers)

set(installed dualpath_static)
set(dependencies "include(CMakeFindDependencyMacro)\nfind_dependency(Threads)\n")
if(DUALPATH_ZLIB)
    string(APPEND dependencies "find_dependency(ZLIB)\n")
endif()
if(BUILD_SHARED_LIBS)
    set(installed dualpath)
    set(dependencies "") # it knows its own
endif()

set_target_properties(${installed} PROPERTIES EXCLUDE_FROM_ALL FALSE EXPORT_NAME dualpath)
install(TARGETS ${installed} EXPORT dualpathTargets
    LIBRARY DESTINATION "${CMAKE_INSTALL_LIBDIR}" ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}")
install(FILES "${root}/include/dualpath.h" "${root}/include/dualpath.hpp"
    DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}")
if(DUALPATH_TOOLS)
    install(TARGETS dualpath_program RUNTIME DESTINATION "${CMAKE_INSTALL_BINDIR}")
endif()

set(config "${CMAKE_CURRENT_BINARY_DIR}/package")
set(place "${CMAKE_INSTALL_LIBDIR}/cmake/dualpath")
file(WRITE "${config}/dualpathConfig.cmake"
    "${dependencies}include(\"\${CMAKE_CURRENT_LIST_DIR}/dualpathTargets.cmake\")\n")
write_basic_package_version_file("${config}/dualpathConfigVersion.cmake" COMPATIBILITY SameMajorVersion)
install(FILES "${config}/dualpathConfig.cmake" "${config}/dualpathConfigVersion.cmake" DESTINATION "${place}")
install(EXPORT dualpathTargets NAMESPACE dualpath:: DESTINATION "${place}")
