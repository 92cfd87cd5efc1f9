# Joins the library's files into one C++ string literal, in pieces that every compiler accepts.
set(text "")
foreach(file IN LISTS FILES)
  file(READ ${file} part)
  string(APPEND text "R\"FERRYLUA(${part})FERRYLUA\"\n")
endforeach()
file(WRITE ${OUTPUT} "${text}")
