# moot_library(NAME SOURCES ... DEPS ... LIBS ... TESTS ...): one static library per folder,
# with the unit tests that stand beside its code in one binary, `moot_NAME_test`.
function(moot_library name)
  cmake_parse_arguments(L "" "" "SOURCES;DEPS;LIBS;TESTS;TEST_LIBS" ${ARGN})
  set(target moot_${name})
  if(L_SOURCES)
    add_library(${target} STATIC ${L_SOURCES})
    set(scope PUBLIC)
  else()
    add_library(${target} INTERFACE)
    set(scope INTERFACE)
  endif()
  target_link_libraries(${target} ${scope} moot_flags)
  foreach(dep IN LISTS L_DEPS)
    target_link_libraries(${target} ${scope} moot_${dep})
  endforeach()
  if(L_LIBS)
    target_link_libraries(${target} ${scope} ${L_LIBS})
  endif()
  if(MOOT_TESTS AND L_TESTS)
    moot_test(${target}_test SOURCES ${L_TESTS} LIBS ${target} ${L_TEST_LIBS})
  endif()
endfunction()

# moot_test(NAME SOURCES ... LIBS ...): a GoogleTest binary; each case is a CTest test.
function(moot_test name)
  cmake_parse_arguments(T "" "TIMEOUT" "SOURCES;LIBS" ${ARGN})
  add_executable(${name} ${T_SOURCES})
  target_link_libraries(${name} PRIVATE ${T_LIBS} moot_flags GTest::gtest_main GTest::gmock)
  # What is tested is optimised; the tests themselves need not be, and compile in half the time.
  target_compile_options(${name} PRIVATE $<$<CONFIG:Release>:-O1>)
  if(NOT T_TIMEOUT)
    set(T_TIMEOUT 120)
  endif()
  gtest_discover_tests(${name} DISCOVERY_MODE PRE_TEST DISCOVERY_TIMEOUT 60
    PROPERTIES TIMEOUT ${T_TIMEOUT})
endfunction()

# moot_fuzz(NAME SOURCES ... LIBS ...): a libFuzzer target, `fuzz_NAME`. Its corpus is
# fuzz/corpus/fuzz_NAME; `./dev fuzz` runs every one it finds.
function(moot_fuzz name)
  cmake_parse_arguments(F "" "" "SOURCES;LIBS" ${ARGN})
  add_executable(fuzz_${name} ${F_SOURCES})
  target_link_libraries(fuzz_${name} PRIVATE ${F_LIBS} moot_flags)
  target_link_options(fuzz_${name} PRIVATE -fsanitize=fuzzer)
endfunction()

# moot_preloaded(name source): a library for LD_PRELOAD, NAME.so beside the tests that use it.
function(moot_preloaded name source)
  add_library(${name} MODULE ${source})
  set_target_properties(${name} PROPERTIES PREFIX ""
    LIBRARY_OUTPUT_DIRECTORY ${CMAKE_CURRENT_BINARY_DIR})
  target_compile_options(${name} PRIVATE -Wall -Wextra -Wconversion -Wshadow)
  target_link_libraries(${name} PRIVATE ${CMAKE_DL_LIBS})
endfunction()
