# `cmake --install`: the program with all that its studies read, so that it runs from any folder and the tree can be moved (the program looks
# in ../share/synthgrid beside itself, experiments/study/paths.h). Pages and completions are made by the program that was built.
set(share ${CMAKE_INSTALL_DATADIR}/synthgrid)
set(CMAKE_INSTALL_DEFAULT_COMPONENT_NAME synthgrid)

install(TARGETS synthgrid DESTINATION ${CMAKE_INSTALL_BINDIR})
install(DIRECTORY experiments/ DESTINATION ${share}/experiments FILES_MATCHING PATTERN "*.yaml"
        PATTERN study EXCLUDE PATTERN run EXCLUDE PATTERN buying EXCLUDE PATTERN bundle EXCLUDE PATTERN fetch EXCLUDE)
install(DIRECTORY data/sample data/recordings DESTINATION ${share}/data)
install(FILES data/prices.yaml DESTINATION ${share}/data)
install(DIRECTORY stub/ DESTINATION ${share}/stub FILES_MATCHING PATTERN "*.py" PATTERN __pycache__ EXCLUDE)
install(FILES ${fetch_files} DESTINATION ${share}/fetch)
install(DIRECTORY slurm/ DESTINATION ${share}/slurm FILES_MATCHING PATTERN "*.sbatch" PATTERN "*.yaml")
install(DIRECTORY examples/ DESTINATION ${share}/examples FILES_MATCHING PATTERN "*.py")
install(FILES LICENSE README.md CHANGELOG.md DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(DIRECTORY docs/ DESTINATION ${CMAKE_INSTALL_DOCDIR}/docs FILES_MATCHING PATTERN "*.md")
# The quickstart's encoder, where ./setup has fetched it; packages are made without (90 MB).
install(DIRECTORY data/encoders/minilm-l6 DESTINATION ${share}/data/encoders COMPONENT encoder OPTIONAL)

# Where the program cannot run here, as made for another processor, it is left to whoever installs it: `synthgrid manual --output DIR`.
if(CMAKE_CROSSCOMPILING AND NOT CMAKE_CROSSCOMPILING_EMULATOR)
  message(STATUS "no manual pages and completions: they are made by the program, which does not run here")
else()
  set(made ${CMAKE_BINARY_DIR}/made)
  set(ask ${CMAKE_COMMAND} -E env ASAN_OPTIONS=detect_leaks=0 $<TARGET_FILE:synthgrid>)
  if(CMAKE_CROSSCOMPILING)
    set(ask ${CMAKE_CROSSCOMPILING_EMULATOR} $<TARGET_FILE:synthgrid>)
  endif()
  add_custom_command(OUTPUT ${made}/done COMMENT "Makes manual pages and completions" VERBATIM DEPENDS synthgrid
                     COMMAND ${CMAKE_COMMAND} -E rm -rf ${made}
                     COMMAND ${CMAKE_COMMAND} -E make_directory ${made}/bash ${made}/zsh ${made}/fish
                     COMMAND ${ask} manual --output ${made}/man
                     COMMAND ${ask} completion bash > ${made}/bash/synthgrid
                     COMMAND ${ask} completion zsh > ${made}/zsh/_synthgrid
                     COMMAND ${ask} completion fish > ${made}/fish/synthgrid.fish
                     COMMAND ${CMAKE_COMMAND} -E touch ${made}/done)
  add_custom_target(manuals ALL DEPENDS ${made}/done)
  install(DIRECTORY ${made}/man/ DESTINATION ${CMAKE_INSTALL_MANDIR} OPTIONAL)
  install(DIRECTORY ${made}/bash/ DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions OPTIONAL)
  install(DIRECTORY ${made}/zsh/ DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/site-functions OPTIONAL)
  install(DIRECTORY ${made}/fish/ DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d OPTIONAL)
endif()

# Modulefiles that find the tree they stand in.
install(FILES packaging/modulefiles/synthgrid.lua packaging/modulefiles/synthgrid.tcl DESTINATION ${share}/modulefiles)
