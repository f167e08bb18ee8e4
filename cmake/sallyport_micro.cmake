# The micro-benchmarks of bench/micro: one program, `micro`, made when it is asked for by name. Only it needs google-benchmark.
option(SALLYPORT_MICRO "the target micro, which needs google-benchmark" OFF)

# SOURCES are of rooms that are not worth linking for one file.
function(sallyport_micro_benchmarks)
  cmake_parse_arguments(MICRO "" "" "ROOMS;SOURCES;USES" ${ARGN})
  if(NOT SALLYPORT_MICRO)
    return()
  endif()
  find_package(benchmark REQUIRED)
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/bench/micro/*.cpp)
  add_executable(micro EXCLUDE_FROM_ALL ${sources} ${MICRO_SOURCES})
  set_target_properties(micro PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR})
  target_include_directories(micro PRIVATE ${CMAKE_SOURCE_DIR}/src ${CMAKE_SOURCE_DIR}/tests)
  target_link_libraries(micro PRIVATE benchmark::benchmark benchmark::benchmark_main)
  _sallyport_link(micro KNOWS ${MICRO_ROOMS} USES ${MICRO_USES})
endfunction()
