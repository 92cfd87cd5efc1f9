# Writes FILE as a C++ string to OUTPUT.
file(READ ${FILE} text)
file(WRITE ${OUTPUT} "R\"FERRYPRICES(${text})FERRYPRICES\"\n")
