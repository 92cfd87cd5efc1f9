# Where Debian 12 and 13 differ; nothing else in the build knows the version of a dependency.
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
pkg_check_modules(hiredis REQUIRED IMPORTED_TARGET hiredis)
pkg_check_modules(zstd REQUIRED IMPORTED_TARGET libzstd)
find_package(spdlog REQUIRED)
find_package(TBB REQUIRED)
find_package(nlohmann_json REQUIRED)

# msgpack-cxx 4 (Debian 12) is the package msgpackc-cxx, later ones are msgpack-cxx; the headers are
# the same and need no Boost when told so.
find_path(MSGPACK_INCLUDE_DIR msgpack.hpp REQUIRED)
