# Included at the end of project("llama.cpp"). llama-common and cpp-httplib parse arguments and
# templates; none of their code runs while llama-bench's clock does, and they are half of a
# build's compile time. They are compiled at -O1 and, where the tree is known to allow it, in a
# few large units. ggml, libllama and the programs are left exactly as upstream builds them.
function(llamabuild_harness)
  foreach(name llama-common cpp-httplib)
    if(TARGET ${name})
      target_compile_options(${name} PRIVATE -O1)
    endif()
  endforeach()
  if(TARGET llama-common AND DEFINED LLAMABUILD_UNITY_EXCLUDE)
    set_target_properties(llama-common PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 12)
    get_target_property(folder llama-common SOURCE_DIR)
    foreach(file IN LISTS LLAMABUILD_UNITY_EXCLUDE)
      set_source_files_properties(
        ${folder}/${file} DIRECTORY ${folder} PROPERTIES SKIP_UNITY_BUILD_INCLUSION ON)
    endforeach()
  endif()
endfunction()
cmake_language(DEFER DIRECTORY "${CMAKE_SOURCE_DIR}" CALL llamabuild_harness)
