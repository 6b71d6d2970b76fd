# Within a major version, later libraries do for programs of earlier ones.
include("${CMAKE_CURRENT_LIST_DIR}/dualpathInstalled.cmake")
set(PACKAGE_VERSION "${_dualpath_version}")
string(REGEX MATCH "^[0-9]+" _dualpath_major "${PACKAGE_VERSION}")
if(PACKAGE_FIND_VERSION VERSION_EQUAL PACKAGE_VERSION)
    set(PACKAGE_VERSION_EXACT TRUE)
endif()
if(PACKAGE_FIND_VERSION VERSION_GREATER PACKAGE_VERSION OR
        NOT PACKAGE_FIND_VERSION_MAJOR EQUAL _dualpath_major)
    set(PACKAGE_VERSION_COMPATIBLE FALSE)
else()
    set(PACKAGE_VERSION_COMPATIBLE TRUE)
endif()
