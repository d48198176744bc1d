# One line per test, example, benchmark or fuzz target.
#
#   foal_unit_test(<name> <file>...)       Criterion tests (foal_test.h), linked with the static
#                                          library; may include private headers
#   foal_program_test(<name> <file>...)    a program with its own main; 0 passes, 77 skips
#   foal_script_test(<name> <command>...)  any command; 0 passes, 77 skips
#   foal_example(<name> [<file>...])       examples/<name>.c, linked like a user's program
#   foal_bench(<name> <file>...)           benchmark, linked with the static library
#   foal_fuzz(<name> <file>...)            LLVMFuzzerTestOneInput; libFuzzer in the fuzz preset,
#                                          elsewhere a test that replays fuzz/corpus/<name>
#
# The first two also understand, behind the files:
#   SIMULATED           links the simulator in place of the library (not for programs)
#   WITHOUT <seam>...   leaves these seams of the library out; the test brings its own
#   LINK <library>...   further libraries
#   LABELS <label>...   for ctest -L
#   TIMEOUT <seconds>   default 60 (three times that under a sanitizer)
#   ENV <NAME=value>... environment
#   ARGS <argument>...  arguments of the program
#
# A test fails when a sanitizer said a word, whatever its exit status: Criterion does not notice
# leaks. It also fails when it found no tests to run.

set(foal_test_dir ${PROJECT_SOURCE_DIR}/tests)
set(foal_test_timeout 60)
if(FOAL_SANITIZE OR FOAL_COVERAGE)
  set(foal_test_timeout 180)
endif()
set(foal_test_env
  ASAN_OPTIONS=detect_stack_use_after_return=1:strict_string_checks=1:handle_abort=0
  UBSAN_OPTIONS=print_stacktrace=1
  TSAN_OPTIONS=exitcode=66:second_deadlock_stack=1
  FOAL_SOURCE_DIR=${PROJECT_SOURCE_DIR} FOAL_BUILD_DIR=${PROJECT_BINARY_DIR}
  FOAL_SANITIZE=${FOAL_SANITIZE})

macro(foal_parse_test)
  cmake_parse_arguments(PARSE_ARGV 1 arg "SIMULATED" "TIMEOUT" "WITHOUT;LINK;LABELS;ENV;ARGS")
  if(NOT arg_TIMEOUT)
    set(arg_TIMEOUT ${foal_test_timeout})
  endif()
endmacro()

function(foal_executable target)
  cmake_parse_arguments(PARSE_ARGV 1 arg "SIMULATED" "" "FILES;WITHOUT;LINK")
  add_executable(${target} ${arg_FILES})
  target_include_directories(${target} PRIVATE ${PROJECT_SOURCE_DIR} ${foal_test_dir})
  if(arg_SIMULATED)
    target_link_libraries(${target} PRIVATE foal::sim)
  elseif(arg_WITHOUT)
    foal_compose(${target} WITHOUT ${arg_WITHOUT})
  else()
    target_link_libraries(${target} PRIVATE foal::static)
  endif()
  target_link_libraries(${target} PRIVATE ${arg_LINK}
    OpenSSL::SSL OpenSSL::Crypto PkgConfig::libuv Threads::Threads)
endfunction()

function(foal_test_properties test label)
  set_tests_properties(${test} PROPERTIES
    TIMEOUT ${arg_TIMEOUT}
    SKIP_RETURN_CODE 77
    ENVIRONMENT "${foal_test_env};${arg_ENV}"
    LABELS "${label};${arg_LABELS}"
    FAIL_REGULAR_EXPRESSION "Sanitizer;runtime error:;Tested: 0 ")
endfunction()

function(foal_unit_test name)
  foal_parse_test()
  if(FOAL_PLAIN_TESTS)
    list(APPEND arg_UNPARSED_ARGUMENTS ${foal_test_dir}/foal_test.c)
  else()
    list(APPEND arg_LINK PkgConfig::criterion)
    # One test at a time: ctest runs programs side by side, and Criterion's runner leaks a
    # few bytes of its own when it runs tests side by side.
    list(APPEND arg_ARGS -j1)
  endif()
  if(arg_SIMULATED)
    set(simulated SIMULATED)
  endif()
  foal_executable(test_${name}
    FILES ${arg_UNPARSED_ARGUMENTS} WITHOUT ${arg_WITHOUT} LINK ${arg_LINK} ${simulated})
  add_test(NAME unit.${name} COMMAND test_${name} ${arg_ARGS})
  foal_test_properties(unit.${name} unit)
endfunction()

function(foal_program_test name)
  foal_parse_test()
  foal_executable(test_${name}
    FILES ${arg_UNPARSED_ARGUMENTS} WITHOUT ${arg_WITHOUT} LINK ${arg_LINK})
  add_test(NAME program.${name} COMMAND test_${name} ${arg_ARGS})
  foal_test_properties(program.${name} program)
endfunction()

function(foal_script_test name)
  foal_parse_test()
  add_test(NAME ${name} COMMAND ${arg_UNPARSED_ARGUMENTS}
    WORKING_DIRECTORY ${CMAKE_CURRENT_SOURCE_DIR})
  foal_test_properties(${name} script)
endfunction()

function(foal_example name)
  set(files ${ARGN})
  if(NOT files)
    set(files ${name}.c)
  endif()
  add_executable(example_${name} ${files})
  set_target_properties(example_${name} PROPERTIES OUTPUT_NAME ${name})
  # Optimized as one with the library, where that is possible: calls into another object, and what
  # the compiler cannot see there, are 3 % of a short HTTPS request.
  set(library foal::foal)
  if(CMAKE_INTERPROCEDURAL_OPTIMIZATION)
    set(library foal::static)
  endif()
  target_link_libraries(example_${name} PRIVATE ${library})
endfunction()

function(foal_bench name)
  foal_parse_test()
  foal_executable(bench_${name}
    FILES ${arg_UNPARSED_ARGUMENTS} WITHOUT ${arg_WITHOUT} LINK ${arg_LINK})
endfunction()

function(foal_fuzz name)
  foal_parse_test()
  set(files ${arg_UNPARSED_ARGUMENTS})
  if(NOT FOAL_FUZZ)
    list(APPEND files ${foal_test_dir}/fuzz/replay.c)
  endif()
  if(arg_SIMULATED)
    set(simulated SIMULATED)
  endif()
  foal_executable(fuzz_${name}
    FILES ${files} WITHOUT ${arg_WITHOUT} LINK ${arg_LINK} ${simulated})
  if(FOAL_FUZZ)
    target_link_options(fuzz_${name} PRIVATE -fsanitize=fuzzer)
  else()
    add_test(NAME fuzz.${name} COMMAND fuzz_${name} ${foal_test_dir}/fuzz/corpus/${name})
    foal_test_properties(fuzz.${name} fuzz)
  endif()
endfunction()
