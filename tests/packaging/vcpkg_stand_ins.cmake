# Runs the port as vcpkg would: cmake -D... -P vcpkg_stand_ins.cmake. Its calls do here what those of vcpkg
# do for one triplet, with packages of the system for those of others.
#
# CURRENT_PORT_DIR         the port
# CURRENT_PACKAGES_DIR     where its package is made
# CURRENT_BUILDTREES_DIR   where it is built
# FEATURES                 core and others, with ; between them
# VCPKG_LIBRARY_LINKAGE    static or dynamic
cmake_minimum_required(VERSION 3.19)
set(PORT dualpath)

function(run)
    execute_process(COMMAND ${ARGV} RESULT_VARIABLE status)
    if(NOT status EQUAL 0)
        string(REPLACE ";" " " command "${ARGV}")
        message(FATAL_ERROR "failed: ${command}")
    endif()
endfunction()

# The arguments that a call knows, as in vcpkg: others are errors.
macro(parse options values lists)
    cmake_parse_arguments(PARSE_ARGV 0 arg "${options}" "${values}" "${lists}")
    if(DEFINED arg_UNPARSED_ARGUMENTS)
        message(FATAL_ERROR "unknown arguments: ${arg_UNPARSED_ARGUMENTS}")
    endif()
endmacro()

function(vcpkg_check_features)
    parse("" "OUT_FEATURE_OPTIONS" "FEATURES")
    set(options "")
    while(arg_FEATURES)
        list(POP_FRONT arg_FEATURES feature variable)
        set(value OFF)
        if(feature IN_LIST FEATURES)
            set(value ON)
        endif()
        list(APPEND options "-D${variable}=${value}")
    endwhile()
    set(${arg_OUT_FEATURE_OPTIONS} "${options}" PARENT_SCOPE)
endfunction()

# set_paths(TYPE): where a build of this type is made, and where it goes.
macro(set_paths type)
    set(build "${CURRENT_BUILDTREES_DIR}/${type}")
    set(prefix "${CURRENT_PACKAGES_DIR}")
    if("${type}" STREQUAL "Debug")
        string(APPEND prefix "/debug")
    endif()
endmacro()

function(vcpkg_cmake_configure)
    parse("" "SOURCE_PATH" "OPTIONS")
    set(shared OFF)
    if(VCPKG_LIBRARY_LINKAGE STREQUAL "dynamic")
        set(shared ON)
    endif()
    foreach(type Debug Release)
        set_paths(${type})
        run(${CMAKE_COMMAND} -G Ninja -S "${arg_SOURCE_PATH}" -B "${build}" ${arg_OPTIONS}
            -DCMAKE_BUILD_TYPE=${type} -DBUILD_SHARED_LIBS=${shared} "-DCMAKE_INSTALL_PREFIX=${prefix}"
            -DCMAKE_INSTALL_LIBDIR:STRING=lib -DCMAKE_INSTALL_BINDIR:STRING=bin
            -DCMAKE_EXPORT_NO_PACKAGE_REGISTRY=ON)
    endforeach()
endfunction()

function(vcpkg_cmake_install)
    parse("" "" "")
    foreach(type Debug Release)
        set_paths(${type})
        run(${CMAKE_COMMAND} --build "${build}" --target install)
    endforeach()
endfunction()

# Into share/PORT, for both types; each of the files finds the package from there.
function(vcpkg_cmake_config_fixup)
    parse("" "CONFIG_PATH" "")
    set(share "${CURRENT_PACKAGES_DIR}/share/${PORT}")
    file(GLOB debug_files "${CURRENT_PACKAGES_DIR}/debug/${arg_CONFIG_PATH}/*-debug.cmake")
    foreach(file IN LISTS debug_files)
        file(READ "${file}" text)
        string(REPLACE "\${_IMPORT_PREFIX}/lib" "\${_IMPORT_PREFIX}/debug/lib" text "${text}")
        get_filename_component(name "${file}" NAME)
        file(WRITE "${share}/${name}" "${text}")
    endforeach()
    file(COPY "${CURRENT_PACKAGES_DIR}/${arg_CONFIG_PATH}/" DESTINATION "${share}")
    file(READ "${share}/${PORT}Targets.cmake" text)
    set(up "get_filename_component(_IMPORT_PREFIX \"\${_IMPORT_PREFIX}\" PATH)\n")
    string(REPLACE "${up}${up}${up}" "${up}${up}" fixed "${text}")
    if(fixed STREQUAL text)
        message(FATAL_ERROR "${PORT}Targets.cmake does not say where it is")
    endif()
    file(WRITE "${share}/${PORT}Targets.cmake" "${fixed}")
    file(REMOVE_RECURSE "${CURRENT_PACKAGES_DIR}/lib/cmake" "${CURRENT_PACKAGES_DIR}/debug/lib/cmake")
endfunction()

function(vcpkg_copy_tools)
    parse("AUTO_CLEAN" "" "TOOL_NAMES")
    foreach(tool IN LISTS arg_TOOL_NAMES)
        file(COPY "${CURRENT_PACKAGES_DIR}/bin/${tool}" DESTINATION "${CURRENT_PACKAGES_DIR}/tools/${PORT}")
        if(arg_AUTO_CLEAN)
            file(REMOVE "${CURRENT_PACKAGES_DIR}/bin/${tool}" "${CURRENT_PACKAGES_DIR}/debug/bin/${tool}")
        endif()
    endforeach()
    foreach(folder "${CURRENT_PACKAGES_DIR}/bin" "${CURRENT_PACKAGES_DIR}/debug/bin")
        file(GLOB left "${folder}/*")
        if(arg_AUTO_CLEAN AND NOT left)
            file(REMOVE_RECURSE "${folder}")
        endif()
    endforeach()
endfunction()

function(vcpkg_install_copyright)
    parse("" "" "FILE_LIST")
    file(READ "${arg_FILE_LIST}" text)
    file(WRITE "${CURRENT_PACKAGES_DIR}/share/${PORT}/copyright" "${text}")
endfunction()

include("${CURRENT_PORT_DIR}/portfile.cmake")
