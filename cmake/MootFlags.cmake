# Warnings and hardening in one place. Release binaries carry the flags of docs/design/security.md 5.6.
add_library(moot_flags INTERFACE)
target_include_directories(moot_flags INTERFACE ${CMAKE_SOURCE_DIR}/src ${CMAKE_SOURCE_DIR})
target_compile_options(moot_flags INTERFACE
  -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wno-missing-field-initializers)
if(CMAKE_CXX_COMPILER_ID STREQUAL GNU AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  # g++ 12 sees an overlap in every `"text" + std::string` (its bug 105651).
  target_compile_options(moot_flags INTERFACE -Wno-restrict)
endif()
if(MOOT_WERROR)
  target_compile_options(moot_flags INTERFACE -Werror)
endif()
target_compile_definitions(moot_flags INTERFACE
  $<$<CONFIG:Debug>:_GLIBCXX_ASSERTIONS>)

set(MOOT_SANITIZE "" CACHE STRING "address,undefined | thread | empty")
if(MOOT_SANITIZE)
  add_compile_options(-fsanitize=${MOOT_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${MOOT_SANITIZE})
  add_compile_definitions(_GLIBCXX_ASSERTIONS)
  if(MOOT_SANITIZE STREQUAL "thread")
    # Fences are not understood; Asio's order handlers that a mutex of its queue orders already.
    add_compile_definitions(BOOST_ASIO_DISABLE_FENCED_BLOCK)
  endif()
elseif(NOT MOOT_WASM)
  add_compile_options($<$<CONFIG:Release>:-D_FORTIFY_SOURCE=3> $<$<CONFIG:Release>:-D_GLIBCXX_ASSERTIONS>
    -fstack-protector-strong -fstack-clash-protection)
  if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
    add_compile_options(-fcf-protection)
  endif()
  add_link_options(-Wl,-z,relro,-z,now)
  add_link_options($<$<STREQUAL:$<TARGET_PROPERTY:TYPE>,EXECUTABLE>:-pie>)
endif()
if(MOOT_FUZZ)
  # Every library reports its edges to libFuzzer; only the targets link its main (moot_fuzz).
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()
option(MOOT_COVERAGE "Instrument for gcov" OFF)
if(MOOT_COVERAGE)
  add_compile_options(--coverage -O0)
  add_link_options(--coverage)
endif()
