# The port of libdualpath for vcpkg: `vcpkg install dualpath --overlay-ports=bindings/vcpkg` builds the
# source tree that it is in. A port that is elsewhere gets its sources by vcpkg_from_github().
get_filename_component(SOURCE_PATH "${CURRENT_PORT_DIR}/../.." ABSOLUTE)

vcpkg_check_features(OUT_FEATURE_OPTIONS FEATURE_OPTIONS
    FEATURES
        tools DUALPATH_TOOLS
        zlib DUALPATH_ZLIB
)
vcpkg_cmake_configure(
    SOURCE_PATH "${SOURCE_PATH}/bindings/cmake"
    OPTIONS -DDUALPATH_INSTALL=ON ${FEATURE_OPTIONS}
)
vcpkg_cmake_install()
vcpkg_cmake_config_fixup(CONFIG_PATH lib/cmake/dualpath)
if("tools" IN_LIST FEATURES)
    vcpkg_copy_tools(TOOL_NAMES dualpath AUTO_CLEAN)
endif()
file(REMOVE_RECURSE "${CURRENT_PACKAGES_DIR}/debug/include")
file(INSTALL "${CURRENT_PORT_DIR}/usage" DESTINATION "${CURRENT_PACKAGES_DIR}/share/${PORT}")
vcpkg_install_copyright(FILE_LIST "${SOURCE_PATH}/LICENSE")
