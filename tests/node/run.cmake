# Runs one script of the build folder, or says that it cannot. Under CI=true install.cmake has
# failed before, so a skip here is never silent.
cmake_path(GET SCRIPT PARENT_PATH folder)
if(NOT NODE OR NOT EXISTS ${folder}/installed-lock.json)
  if("$ENV{CI}" STREQUAL "true")
    message(FATAL_ERROR "the node packages are not installed")
  endif()
  message("SKIPPED all node tests: node or its packages are not installed")
else()
  execute_process(COMMAND ${NODE} ${SCRIPT} ${ARGUMENT} COMMAND_ERROR_IS_FATAL ANY)
endif()
