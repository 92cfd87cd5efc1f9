# What the libraries and the program need. Where the versions of Debian 12 and 13 differ is written
# down here and in ferry-config.cmake.in; nothing else in the build knows the version of a dependency.
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)

# hiredis 0.14 exports no CMake target, 1.x does; the .pc file is there in both.
pkg_check_modules(hiredis REQUIRED IMPORTED_TARGET hiredis)
pkg_check_modules(zstd REQUIRED IMPORTED_TARGET libzstd)
pkg_check_modules(sodium REQUIRED IMPORTED_TARGET libsodium)

find_package(spdlog REQUIRED)
find_package(TBB REQUIRED)
find_package(nlohmann_json REQUIRED)

# msgpack-cxx 4 is the CMake package msgpackc-cxx, later ones are msgpack-cxx; the headers are the
# same and need no Boost when MSGPACK_NO_BOOST says so.
find_path(MSGPACK_INCLUDE_DIR msgpack.hpp REQUIRED)
