#%Module1.0
# Environment Modules, and Lmod too. It stands in PREFIX/share/synthgrid/modulefiles and finds PREFIX from there, wherever the tree was moved:
#     module use PREFIX/share/synthgrid/modulefiles && module load synthgrid.tcl
# A copy of it elsewhere (.../modulefiles/synthgrid/0.1.0) needs the prefix by name: set prefix /opt/synthgrid
# What it was built with comes first; add your site's names: module load gcc/12.2.0 openmpi/4.1.4
proc ModulesHelp { } {
    puts stderr "When does data written by a language model help to train a text classifier?"
    puts stderr "synthgrid --help, man synthgrid"
}
module-whatis "synthgrid: studies of LLM-written training data for text classifiers, over MPI"

regsub {/share/synthgrid/modulefiles/.*$} [file normalize $ModulesCurrentModulefile] {} prefix
if { ![file executable $prefix/bin/synthgrid] } {
    puts stderr "there is no bin/synthgrid in $prefix; set prefix in $ModulesCurrentModulefile"
    break
}
conflict synthgrid
prepend-path PATH $prefix/bin
prepend-path MANPATH $prefix/share/man
prepend-path XDG_DATA_DIRS $prefix/share
prepend-path FPATH $prefix/share/zsh/site-functions
