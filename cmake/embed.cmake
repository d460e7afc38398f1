# sg_embed(target name file): the file's bytes and a NUL as `const char sg_embedded_NAME[]` of the target, written again when it changes.
# Run as a script (INPUT, OUTPUT, NAME) it writes the C file.
if(CMAKE_SCRIPT_MODE_FILE)
  file(READ ${INPUT} bytes HEX)
  string(REGEX REPLACE "(................................)" "\\1\n" bytes "${bytes}")
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1, " bytes "${bytes}")
  file(WRITE ${OUTPUT} "extern const char sg_embedded_${NAME}[];\nconst char sg_embedded_${NAME}[] = {${bytes}0};\n")
  return()
endif()

set(SG_EMBED_SCRIPT ${CMAKE_CURRENT_LIST_FILE})
function(sg_embed target name file)
  set(source ${CMAKE_CURRENT_BINARY_DIR}/embedded_${name}.c)
  add_custom_command(OUTPUT ${source} VERBATIM
                     COMMAND ${CMAKE_COMMAND} -DINPUT=${CMAKE_CURRENT_SOURCE_DIR}/${file} -DOUTPUT=${source} -DNAME=${name} -P ${SG_EMBED_SCRIPT}
                     DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${file} ${SG_EMBED_SCRIPT})
  target_sources(${target} PRIVATE ${source})
endfunction()
