# Included at the end of project("llama.cpp"); ggml's project() inside it changes nothing more.
include_guard(GLOBAL)

# The same plan gives the same bytes wherever it is built: __FILE__ and debug information say
# where a file is in the tree, not on this machine.
add_compile_options(
  "-ffile-prefix-map=${CMAKE_SOURCE_DIR}=llama.cpp" "-ffile-prefix-map=${CMAKE_BINARY_DIR}=.")

# Upstream defines these where a target or what it uses is a shared library. But for Windows they
# say "default visibility", which every symbol here has: no code changes with them, only the text
# that the compiler cache compares, so that dispatch and static builds find what others compiled.
if(NOT WIN32)
  add_compile_definitions(GGML_SHARED GGML_BACKEND_SHARED LLAMA_SHARED)
endif()

# llama-common and cpp-httplib parse arguments and templates; none of their code runs while
# llama-bench's clock does, and they are half of a build's compile time. They are compiled at -O1
# and, where the tree is known to allow it, in a few large units. ggml, libllama and the programs
# are left exactly as upstream builds them, but for what a variant asks for.
function(llamabuild_cheap)
  foreach(name llama-common llama-common-base cpp-httplib)
    if(NOT TARGET ${name})
      continue()
    endif()
    target_compile_options(${name} PRIVATE -O1)
    if(NOT BUILD_SHARED_LIBS)
      # Compiled as for shared libraries, so that the compiler cache answers for a static build.
      set_target_properties(${name} PROPERTIES POSITION_INDEPENDENT_CODE ON)
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

# The files of libllama that run at every decode become a library of objects with flags of its own.
# The other nine tenths (a graph builder for each architecture, tokenizers, grammars, loading) are
# compiled once for all variants. A tree without such files is left as it is.
function(llamabuild_split_decode result)
  set(${result} llama PARENT_SCOPE)
  if(NOT TARGET llama OR NOT DEFINED LLAMABUILD_LIBRARY_SOURCES)
    return()
  endif()
  get_target_property(sources llama SOURCES)
  get_target_property(folder llama SOURCE_DIR)
  set(decode ${sources})
  list(FILTER decode INCLUDE REGEX "^(${LLAMABUILD_LIBRARY_SOURCES})$")
  if(NOT decode)
    return()
  endif()
  list(REMOVE_ITEM sources ${decode})
  list(TRANSFORM decode PREPEND "${folder}/")
  add_library(llama-decode OBJECT ${decode})
  foreach(name COMPILE_DEFINITIONS COMPILE_FEATURES COMPILE_OPTIONS INCLUDE_DIRECTORIES
               LINK_LIBRARIES POSITION_INDEPENDENT_CODE)
    get_target_property(value llama ${name})
    if(NOT value MATCHES "-NOTFOUND$")
      set_property(TARGET llama-decode PROPERTY ${name} ${value})
    endif()
  endforeach()
  set_property(TARGET llama PROPERTY SOURCES ${sources} $<TARGET_OBJECTS:llama-decode>)
  set(${result} llama-decode PARENT_SCOPE)
endfunction()

# ggml and libllama: the flags of [optimize] come last, so that they win.
function(llamabuild_optimize)
  llamabuild_libraries_below(${CMAKE_SOURCE_DIR}/ggml libraries)
  llamabuild_split_decode(decode)
  if(TARGET llama-decode AND NOT BUILD_SHARED_LIBS)
    # Of a static libllama too, only the decode part is compiled anew.
    set_target_properties(llama PROPERTIES POSITION_INDEPENDENT_CODE ON)
  endif()
  foreach(name IN LISTS libraries ITEMS ${decode})
    if(NOT TARGET ${name})
      continue()
    endif()
    target_compile_options(
      ${name}
      PRIVATE "$<$<COMPILE_LANGUAGE:C>:${LLAMABUILD_LIBRARY_C_FLAGS}>"
              "$<$<COMPILE_LANGUAGE:CXX>:${LLAMABUILD_LIBRARY_CXX_FLAGS}>")
    if(LLAMABUILD_LIBRARY_UNCACHED) # what a profile says is not among what the cache looks at
      set_target_properties(
        ${name} PROPERTIES C_COMPILER_LAUNCHER "" CXX_COMPILER_LAUNCHER "")
    endif()
  endforeach()
  foreach(name IN LISTS libraries ITEMS llama)
    if(NOT TARGET ${name})
      continue()
    endif()
    get_target_property(type ${name} TYPE)
    if(type STREQUAL "STATIC_LIBRARY") # what it is linked into does the linking
      target_link_options(${name} INTERFACE ${LLAMABUILD_LIBRARY_LINK_FLAGS})
    else()
      target_link_options(${name} PRIVATE ${LLAMABUILD_LIBRARY_LINK_FLAGS})
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
