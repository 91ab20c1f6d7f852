# Included at the end of project("llama.cpp").

# The same plan gives the same bytes wherever it is built: __FILE__ and debug information say
# where a file is in the tree, not on this machine.
add_compile_options(
  "-ffile-prefix-map=${CMAKE_SOURCE_DIR}=llama.cpp" "-ffile-prefix-map=${CMAKE_BINARY_DIR}=.")

# llama-common and cpp-httplib parse arguments and templates; none of their code runs while
# llama-bench's clock does, and they are half of a build's compile time. They are compiled at -O1
# and, where the tree is known to allow it, in a few large units. ggml, libllama and the programs
# are left exactly as upstream builds them, but for what a variant asks for.
function(llamabuild_cheap)
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

# Every library target below a folder: with all CPU variants, ggml has a target for each.
function(llamabuild_libraries_below folder result)
  get_property(found DIRECTORY ${folder} PROPERTY BUILDSYSTEM_TARGETS)
  get_property(children DIRECTORY ${folder} PROPERTY SUBDIRECTORIES)
  foreach(child IN LISTS children)
    llamabuild_libraries_below(${child} inner)
    list(APPEND found ${inner})
  endforeach()
  set(libraries)
  foreach(name IN LISTS found)
    get_target_property(type ${name} TYPE)
    if(type MATCHES "^(STATIC|SHARED|MODULE|OBJECT)_LIBRARY$")
      list(APPEND libraries ${name})
    endif()
  endforeach()
  set(${result} ${libraries} PARENT_SCOPE)
endfunction()

# ggml and libllama: the flags of [optimize] come last, so that they win.
function(llamabuild_optimize)
  llamabuild_libraries_below(${CMAKE_SOURCE_DIR}/ggml libraries)
  foreach(name IN LISTS libraries ITEMS llama)
    if(NOT TARGET ${name})
      continue()
    endif()
    target_compile_options(
      ${name}
      PRIVATE "$<$<COMPILE_LANGUAGE:C>:${LLAMABUILD_LIBRARY_C_FLAGS}>"
              "$<$<COMPILE_LANGUAGE:CXX>:${LLAMABUILD_LIBRARY_CXX_FLAGS}>")
    get_target_property(type ${name} TYPE)
    if(type STREQUAL "STATIC_LIBRARY") # what it is linked into does the linking
      target_link_options(${name} INTERFACE ${LLAMABUILD_LIBRARY_LINK_FLAGS})
    else()
      target_link_options(${name} PRIVATE ${LLAMABUILD_LIBRARY_LINK_FLAGS})
    endif()
    if(LLAMABUILD_LIBRARY_UNCACHED) # what a profile says is not among what the cache looks at
      set_target_properties(
        ${name} PROPERTIES C_COMPILER_LAUNCHER "" CXX_COMPILER_LAUNCHER "")
    endif()
  endforeach()
endfunction()

# An allocator that is linked answers malloc only if it is asked before libc: it comes first, and
# stays although no symbol of its own is named.
function(llamabuild_allocator)
  foreach(name llama-bench llama-perplexity llama-quantize)
    if(TARGET ${name} AND DEFINED LLAMABUILD_ALLOCATOR)
      target_link_options(
        ${name} PRIVATE "LINKER:--push-state,--no-as-needed" "${LLAMABUILD_ALLOCATOR}"
                        "LINKER:--pop-state")
    endif()
  endforeach()
endfunction()

foreach(task cheap optimize allocator)
  cmake_language(DEFER DIRECTORY "${CMAKE_SOURCE_DIR}" CALL llamabuild_${task})
endforeach()
