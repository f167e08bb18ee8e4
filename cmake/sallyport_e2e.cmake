# The end-to-end tests: one ctest test a file of tests/e2e, run by pytest in the virtual environment `tests` that ./dev makes.
# They use the program of this build folder, one at a time: they start servers, and some measure time.
set(SALLYPORT_VENVS ${CMAKE_SOURCE_DIR}/build/venv CACHE PATH "the virtual environments of the end-to-end tests, as ./dev makes them")

function(sallyport_e2e_tests)
  file(GLOB tests CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tests/e2e/test_*.py)
  foreach(test IN LISTS tests)
    cmake_path(GET test STEM name)
    string(REGEX REPLACE "^test_" "e2e_" name ${name})
    add_test(NAME ${name}
      COMMAND ${SALLYPORT_VENVS}/tests/bin/python -m pytest -x -q -s -p no:cacheprovider --rootdir ${CMAKE_SOURCE_DIR}/tests/e2e ${test}
      WORKING_DIRECTORY ${CMAKE_SOURCE_DIR}/tests/e2e)
    set_tests_properties(${name} PROPERTIES LABELS e2e RUN_SERIAL TRUE TIMEOUT 600
      ENVIRONMENT "SALLYPORT_BUILD=${CMAKE_BINARY_DIR};SALLYPORT_VENVS=${SALLYPORT_VENVS};PYTHONDONTWRITEBYTECODE=1")
  endforeach()
endfunction()
