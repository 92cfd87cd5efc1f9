# Brings the scripts and their one package into the build folder, without a network after the first
# time. Where that cannot be done the node tests are skipped loudly; under CI=true they fail.
file(GLOB files ${SOURCE}/*.mjs ${SOURCE}/package.json ${SOURCE}/package-lock.json)
file(COPY ${files} DESTINATION ${BUILD})

# The stamp is the lock file itself, copied after its packages were installed.
set(stamp ${BUILD}/installed-lock.json)
set(reason "")
if(NOT NODE OR NOT NPM)
  set(reason "node or npm is not installed")
else()
  set(installed "")
  if(EXISTS ${stamp} AND EXISTS ${BUILD}/node_modules)
    file(READ ${stamp} installed)
  endif()
  file(READ ${SOURCE}/package-lock.json wanted)
  if(NOT installed STREQUAL wanted)
    execute_process(
      COMMAND ${NPM} ci --prefer-offline --no-audit --no-fund --ignore-scripts
      WORKING_DIRECTORY ${BUILD}
      RESULT_VARIABLE result)
    if(result EQUAL 0)
      file(COPY_FILE ${SOURCE}/package-lock.json ${stamp})
    else()
      set(reason "npm ci failed, see above; it needs its registry or its cache once")
    endif()
  endif()
endif()

if(reason AND "$ENV{CI}" STREQUAL "true")
  message(FATAL_ERROR "node tests cannot run: ${reason}")
elseif(reason)
  message("SKIPPED all node tests: ${reason}")
endif()
