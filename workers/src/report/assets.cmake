# Writes files as C++ strings: OUTPUT from NAMES and FILES, one for one.
set(text "#include \"report/assets.hpp\"\n\nnamespace ferry::report {\n")
foreach(name file IN ZIP_LISTS NAMES FILES)
  file(READ ${file} part)
  string(APPEND text "\nconst std::string_view ${name} = R\"FERRYASSET(${part})FERRYASSET\";\n")
endforeach()
string(APPEND text "\n}  // namespace ferry::report\n")
file(WRITE ${OUTPUT} "${text}")
