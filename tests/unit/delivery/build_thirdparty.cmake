# Install the header into a scratch prefix, build the example plugin against it as a stranger would.
#   cmake -D BUILD=… -D SOURCE=… -D WORK=… -D COMPILER=… -P build_thirdparty.cmake
file(REMOVE_RECURSE ${WORK})
file(MAKE_DIRECTORY ${WORK}/source)
file(GLOB files ${SOURCE}/*)
file(COPY ${files} DESTINATION ${WORK}/source)
foreach(step
    "--install;${BUILD};--prefix;${WORK}/prefix;--component;development"
    "-G;Ninja;-S;${WORK}/source;-B;${WORK}/build;-DCMAKE_PREFIX_PATH=${WORK}/prefix;-DCMAKE_C_COMPILER=${COMPILER}"
    "--build;${WORK}/build")
  execute_process(COMMAND ${CMAKE_COMMAND} ${step} COMMAND_ERROR_IS_FATAL ANY)
endforeach()
file(MAKE_DIRECTORY ${WORK}/plugins)
file(INSTALL ${WORK}/build/shout.so DESTINATION ${WORK}/plugins
     PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
file(CHMOD ${WORK}/plugins PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE
     WORLD_READ WORLD_EXECUTE)
