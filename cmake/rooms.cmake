# A room is a folder that is a static library of its own. It sees the headers of the rooms that it links, and no others: each room's headers
# are found through a folder of its own, build/rooms/ROOM, which holds a link to it. So an arrow up does not compile.

# sg_room(gen/llm links...): the folder this is called in; target gen_llm. What the headers need is PUBLIC, as libraries are.
function(sg_room path)
  string(REPLACE "/" "_" name ${path})
  file(GLOB sources CONFIGURE_DEPENDS *.c)
  list(FILTER sources EXCLUDE REGEX "^$")
  foreach(left_out ${SG_ROOM_WITHOUT})
    list(FILTER sources EXCLUDE REGEX "/${left_out}$")
  endforeach()
  get_filename_component(above ${path} DIRECTORY)
  file(MAKE_DIRECTORY ${CMAKE_BINARY_DIR}/rooms/${name}/${above})
  file(CREATE_LINK ${CMAKE_CURRENT_SOURCE_DIR} ${CMAKE_BINARY_DIR}/rooms/${name}/${path} SYMBOLIC)
  add_library(${name} STATIC ${sources})
  target_include_directories(${name} PUBLIC ${CMAKE_BINARY_DIR}/rooms/${name})
  target_link_libraries(${name} PUBLIC ${ARGN})
endfunction()
