# How every file is compiled: warnings, sanitizers, hardening. Applies to all targets below the
# root, and to nothing outside the project when Foal is a subproject of another one.
include(CheckCCompilerFlag)

set(foal_warnings
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wstrict-prototypes
  -Wmissing-prototypes -Wold-style-definition -Wundef -Wcast-qual -Wpointer-arith -Wvla
  -Wswitch-enum -Wformat=2 -Wdouble-promotion -Wwrite-strings -Wimplicit-fallthrough
  -Wnull-dereference)
if(CMAKE_C_COMPILER_ID STREQUAL "GNU")
  list(APPEND foal_warnings -Wcast-align=strict -Wlogical-op -Wduplicated-cond
    -Wduplicated-branches -Wuse-after-free=3 -Wtrampolines)
else()
  list(APPEND foal_warnings -Wthread-safety -Wcomma -Wconditional-uninitialized
    -Wunreachable-code -Wmissing-variable-declarations -Wassign-enum)
endif()
# These are the type system of tags, refs and isos: errors in every preset.
set(foal_errors
  -Werror=incompatible-pointer-types -Werror=implicit-function-declaration
  -Werror=int-conversion -Werror=return-type -Werror=unused-result)
if(CMAKE_C_COMPILER_ID STREQUAL "GNU")
  list(APPEND foal_errors -Werror=discarded-qualifiers)
else()
  list(APPEND foal_errors -Werror=incompatible-pointer-types-discards-qualifiers)
endif()

add_compile_definitions($<$<COMPILE_LANGUAGE:C>:_GNU_SOURCE>)
if(FOAL_DEBUG)
  add_compile_definitions(FOAL_DEBUG=1)
endif()
# Messages name files from the root of the project, wherever it lies.
add_compile_options(-fmacro-prefix-map=${PROJECT_SOURCE_DIR}/=)
add_compile_options("$<$<COMPILE_LANGUAGE:C>:${foal_warnings};${foal_errors}>" -fno-common)
if(FOAL_WERROR)
  add_compile_options(-Werror)
endif()

# Calls between the library's own functions need not be replaceable at run time. Objects of a
# build with link-time optimization hold machine code too, so that any linker can use libfoal.a.
check_c_compiler_flag(-fno-semantic-interposition foal_has_no_interposition)
if(foal_has_no_interposition)
  add_compile_options(-fno-semantic-interposition)
endif()
# What a message costs must not depend on where its functions and loops happen to lie: that was up
# to a fifth.
foreach(flag falign-functions=64 falign-loops=64)
  string(MAKE_C_IDENTIFIER ${flag} name)
  check_c_compiler_flag(-${flag} foal_has_${name})
  if(foal_has_${name})
    add_compile_options($<$<NOT:$<CONFIG:Debug>>:-${flag}>)
  endif()
endforeach()
if(CMAKE_INTERPROCEDURAL_OPTIMIZATION AND CMAKE_C_COMPILER_ID STREQUAL "GNU")
  add_compile_options(-ffat-lto-objects)
endif()

if(FOAL_SANITIZE)
  add_compile_options(-fsanitize=${FOAL_SANITIZE} -fno-sanitize-recover=all
    -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${FOAL_SANITIZE})
endif()
if(FOAL_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()
if(FOAL_COVERAGE)
  # Workers count side by side; lost counts would make branches look negative.
  add_compile_options(--coverage -fprofile-update=atomic)
  add_compile_definitions(FOAL_COVERAGE=1) # for tests that end in abort(3): aborts.h
  add_link_options(--coverage)
endif()

if(FOAL_HARDEN)
  add_compile_options(-fstack-protector-strong -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3)
  foreach(flag fstack-clash-protection fcf-protection)
    check_c_compiler_flag(-${flag} foal_has_${flag})
    if(foal_has_${flag})
      add_compile_options(-${flag})
    endif()
  endforeach()
  add_link_options(-Wl,-z,relro,-z,now,-z,noexecstack)
  include(CheckPIESupported)
  check_pie_supported(LANGUAGES C)
endif()
