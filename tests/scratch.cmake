# Everything that ctest starts has its temporary folder inside the build folder: what a killed test leaves is there, is seen
# by tests/run, and goes with the build. A socket's name is limited to 107 bytes, so a build folder with a long name leaves
# TMPDIR as it is.
set(scratch ${CMAKE_BINARY_DIR}/tmp)
string(LENGTH ${scratch} scratch_length)
if(scratch_length GREATER 50)
  message(STATUS "the name of the build folder is long: temporary files of the tests go to the system's folder")
else()
  file(WRITE ${CMAKE_BINARY_DIR}/scratch.ctest
       "file(MAKE_DIRECTORY \"${scratch}\")\nset(ENV{TMPDIR} \"${scratch}\")\n")
  set_property(DIRECTORY ${CMAKE_SOURCE_DIR} APPEND PROPERTY TEST_INCLUDE_FILES ${CMAKE_BINARY_DIR}/scratch.ctest)
endif()
