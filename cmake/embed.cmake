# Writes a C table of the given text files. Run as a script:
#   cmake -DOUT=embedded.c -DROOT=<source folder> "-DFILES=a.lua;b.lua" -P embed.cmake
list(SORT FILES)
set(arrays "")
set(rows "")
set(index 0)
foreach(file IN LISTS FILES)
  file(READ "${ROOT}/${file}" hex HEX)
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${hex}")
  string(APPEND arrays "static const unsigned char file_${index}[] = {${bytes}0};\n")
  string(APPEND rows "    {\"${file}\", (const char *)file_${index}, sizeof(file_${index}) - 1},\n")
  math(EXPR index "${index} + 1")
endforeach()
file(WRITE "${OUT}.new" "#include \"lua/embed.h\"\n\n${arrays}\n"
  "const struct embedded_file embedded_files[] = {\n${rows}};\n"
  "const size_t embedded_file_count = ${index};\n")
file(COPY_FILE "${OUT}.new" "${OUT}" ONLY_IF_DIFFERENT)
file(REMOVE "${OUT}.new")
