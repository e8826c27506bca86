# cmake -D SQL=FILE.sql -D OUT=FILE.c -D SYMBOL=NAME -D HEADER=FILE.h -P embed.cmake: the text of a file as a C array,
# so that the program needs no file of its own at run time.
file(READ "${SQL}" bytes HEX)
string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${bytes}")
file(WRITE "${OUT}"
  "#include \"${HEADER}\"\n\nconst char ${SYMBOL}[] = {${bytes}0x00};\n")
