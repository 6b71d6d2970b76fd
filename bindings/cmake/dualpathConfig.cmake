# find_package(dualpath): the targets dualpath::dualpath (shared) and dualpath::dualpath_static of what
# `make install` put there. It may be moved as a whole: folders are looked for from this file on.
include("${CMAKE_CURRENT_LIST_DIR}/dualpathInstalled.cmake")

get_filename_component(_dualpath_lib "${CMAKE_CURRENT_LIST_DIR}/../.." REALPATH)
file(RELATIVE_PATH _dualpath_include "${_dualpath_installed_lib}" "${_dualpath_installed_include}")
get_filename_component(_dualpath_include "${_dualpath_lib}/${_dualpath_include}" ABSOLUTE)

if(NOT TARGET dualpath::dualpath)
    add_library(dualpath::dualpath SHARED IMPORTED)
    set_target_properties(dualpath::dualpath PROPERTIES
        IMPORTED_LOCATION "${_dualpath_lib}/${_dualpath_file}"
        IMPORTED_SONAME "${_dualpath_soname}")
    add_library(dualpath::dualpath_static STATIC IMPORTED)
    set_target_properties(dualpath::dualpath_static PROPERTIES
        IMPORTED_LOCATION "${_dualpath_lib}/libdualpath.a"
        IMPORTED_LINK_INTERFACE_LANGUAGES C
        INTERFACE_LINK_LIBRARIES "${_dualpath_libraries}")
    set_target_properties(dualpath::dualpath dualpath::dualpath_static PROPERTIES
        INTERFACE_INCLUDE_DIRECTORIES "${_dualpath_include}")
endif()
