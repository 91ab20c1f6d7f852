# Included at the end of project("llama.cpp") of trees whose programs are among the examples.
function(llamabuild_examples_tree)
  # These trees write build-info.cpp among their own sources, which are not ours to change, with a
  # script that archives of them may lack. What stands in the file decides nothing: it is made
  # from the tree's own template, in the build's folder.
  set(template ${CMAKE_SOURCE_DIR}/common/build-info.cpp.in)
  if(TARGET build_info AND EXISTS ${template})
    configure_file(${template} ${CMAKE_BINARY_DIR}/build-info.cpp)
    set_property(TARGET build_info PROPERTY SOURCES ${CMAKE_BINARY_DIR}/build-info.cpp)
  endif()
  # As the harness does with llama-common: none of it runs while llama-bench's clock does.
  if(TARGET common)
    target_compile_options(common PRIVATE -O1)
    if(DEFINED LLAMABUILD_UNITY_EXCLUDE)
      set_target_properties(common PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 12)
      get_target_property(folder common SOURCE_DIR)
      foreach(file IN LISTS LLAMABUILD_UNITY_EXCLUDE)
        set_source_files_properties(
          ${folder}/${file} DIRECTORY ${folder} PROPERTIES SKIP_UNITY_BUILD_INCLUSION ON)
      endforeach()
    endif()
  endif()
endfunction()
cmake_language(DEFER DIRECTORY "${CMAKE_SOURCE_DIR}" CALL llamabuild_examples_tree)
