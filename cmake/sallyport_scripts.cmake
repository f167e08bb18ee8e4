# The tests of the build's own scripts, and the demonstration.
function(sallyport_script_tests)
  if(NOT SALLYPORT_TESTS)
    return()
  endif()
  add_test(NAME wall_check COMMAND ${SALLYPORT_PYTHON} -B ${CMAKE_SOURCE_DIR}/tests/wall/test_wall_check.py -v)
  set_tests_properties(wall_check PROPERTIES LABELS script TIMEOUT 60)
  add_test(NAME bench COMMAND ${SALLYPORT_PYTHON} -B ${CMAKE_SOURCE_DIR}/tests/bench/test_bench.py -v)
  set_tests_properties(bench PROPERTIES LABELS script TIMEOUT 60)
  # What `cmake --install` gives to a stranger's project. The libraries of a sanitizer's build are of no use outside of it.
  if(NOT SALLYPORT_SANITIZE)
    add_test(NAME certs_package COMMAND ${SALLYPORT_PYTHON} -B ${CMAKE_SOURCE_DIR}/tests/certs/test_package.py -v)
    set_tests_properties(certs_package PROPERTIES LABELS script TIMEOUT 120
      ENVIRONMENT "SALLYPORT_BUILD=${CMAKE_BINARY_DIR};SALLYPORT_CMAKE=${CMAKE_COMMAND};CXX=${CMAKE_CXX_COMPILER}")
  endif()
  # Of two presets whichever build it is run in: the tests of asan, which has the defences' switches, two at a time, and release's program,
  # which must not have them. Where one of them was not built the test fails and says so.
  add_test(NAME defences COMMAND ${SALLYPORT_PYTHON} -B ${CMAKE_SOURCE_DIR}/tests/defences/test_defences.py -v)
  set_tests_properties(defences PROPERTIES LABELS script PROCESSORS 2 TIMEOUT 1800
    ENVIRONMENT "SALLYPORT_BUILD=${CMAKE_SOURCE_DIR}/build;SALLYPORT_SWITCHES_BUILD=${CMAKE_SOURCE_DIR}/build/asan")
  # Its Python environment is ./dev's; in a build without it the test fails and says so.
  set(venvs ${CMAKE_SOURCE_DIR}/build/venv)
  add_test(NAME demo COMMAND ${venvs}/py30/bin/python -B ${CMAKE_SOURCE_DIR}/tests/demo/demo.py)
  set_tests_properties(demo PROPERTIES LABELS e2e RUN_SERIAL TRUE TIMEOUT 400
    ENVIRONMENT "SALLYPORT_BUILD=${CMAKE_BINARY_DIR};SALLYPORT_VENVS=${venvs}")
endfunction()
