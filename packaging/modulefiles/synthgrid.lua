-- Lmod. It stands in PREFIX/share/synthgrid/modulefiles and finds PREFIX from there, wherever the tree was moved:
--     module use PREFIX/share/synthgrid/modulefiles && module load synthgrid
-- A copy of it elsewhere (.../modulefiles/synthgrid/0.1.0.lua) needs the prefix by name: local prefix = "/opt/synthgrid".
-- What it was built with comes first; add your site's names: depends_on("gcc/12.2.0", "openmpi/4.1.4")
help([[When does data written by a language model help to train a text classifier?
synthgrid --help, man synthgrid]])
whatis("Name: synthgrid")
whatis("Description: studies of LLM-written training data for text classifiers, over MPI")

local prefix = myFileName():gsub("/share/synthgrid/modulefiles/.*$", "")
if not isFile(pathJoin(prefix, "bin/synthgrid")) then
    LmodError("there is no bin/synthgrid in " .. prefix .. "; set `prefix` in " .. myFileName())
end
conflict("synthgrid")
prepend_path("PATH", pathJoin(prefix, "bin"))
prepend_path("MANPATH", pathJoin(prefix, "share/man"))
prepend_path("XDG_DATA_DIRS", pathJoin(prefix, "share")) -- where bash and fish look for completions
prepend_path("FPATH", pathJoin(prefix, "share/zsh/site-functions"))
