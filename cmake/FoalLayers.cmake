# Layers and seams.
#
# A layer is one folder of the library. Its core is one object library, foal_<layer>. A seam is
# a single source that a simulator may replace at link time by another one with the same
# symbols (clock, entropy, allocation, ...); each seam is an object library of its own,
# foal_seam_<file without .c>, so that any subset can be left out.

# foal_layer(<layer> HEADERS <public>... SOURCES <core>... SEAMS <replaceable>...)
function(foal_layer layer)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "HEADERS;SOURCES;SEAMS")
  add_library(foal_${layer} OBJECT ${arg_SOURCES})
  foal_layer_target(foal_${layer})
  list(TRANSFORM arg_SOURCES PREPEND ${CMAKE_CURRENT_SOURCE_DIR}/)
  set_property(GLOBAL PROPERTY foal_${layer}_sources ${arg_SOURCES})
  set_property(GLOBAL APPEND PROPERTY foal_layers foal_${layer})
  foreach(source IN LISTS arg_SEAMS)
    get_filename_component(seam ${source} NAME_WE)
    add_library(foal_seam_${seam} OBJECT ${source})
    foal_layer_target(foal_seam_${seam})
    set_property(GLOBAL APPEND PROPERTY foal_seams ${seam})
  endforeach()
  foreach(header IN LISTS arg_HEADERS)
    set_property(GLOBAL APPEND PROPERTY foal_headers ${layer}/${header})
  endforeach()
endfunction()

function(foal_layer_target target)
  target_include_directories(${target} PRIVATE ${PROJECT_SOURCE_DIR}
    $<TARGET_PROPERTY:PkgConfig::libuv,INTERFACE_INCLUDE_DIRECTORIES> ${OPENSSL_INCLUDE_DIR})
  if(FOAL_ANALYZE)
    target_compile_options(${target} PRIVATE -fanalyzer)
  endif()
endfunction()

# foal_compose(<target> [WITHOUT <seam>...]): puts all of Foal into the target, except the seams
# that the target brings itself.
function(foal_compose target)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "WITHOUT")
  get_property(layers GLOBAL PROPERTY foal_layers)
  get_property(seams GLOBAL PROPERTY foal_seams)
  foreach(seam IN LISTS arg_WITHOUT)
    if(NOT seam IN_LIST seams)
      message(FATAL_ERROR "${target}: there is no seam ${seam}; there are: ${seams}")
    endif()
    list(REMOVE_ITEM seams ${seam})
  endforeach()
  list(TRANSFORM seams PREPEND foal_seam_)
  foreach(part IN LISTS layers seams)
    target_sources(${target} PRIVATE $<TARGET_OBJECTS:${part}>)
  endforeach()
  target_link_libraries(${target}
    PRIVATE OpenSSL::SSL OpenSSL::Crypto PkgConfig::libuv Threads::Threads)
endfunction()
