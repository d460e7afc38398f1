#!/usr/bin/env python3
"""packaging/, as far as it can be tried without Spack, EasyBuild and Apptainer: files parse, name what is there, and the container has every
library that the program needs. Reads SYNTHGRID."""
import ast
import os
import pathlib
import re
import shutil
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]
PACKAGING = ROOT / "packaging"
VERSION = re.search(r"project\(synthgrid VERSION ([0-9.]+)", (ROOT / "CMakeLists.txt").read_text())[1]


def check(condition, text):
    if not condition:
        raise SystemExit(f"FAILED: {text}")


def options_of_cmake():
    """What a -D may name: our options, and CMake's own that our files read."""
    text = "".join(p.read_text() for p in [ROOT / "CMakeLists.txt", *(ROOT / "cmake").glob("*.cmake")])
    return set(re.findall(r"\b[A-Z][A-Z0-9_]+\b", text)) | {"BUILD_TESTING"}


known = options_of_cmake()
recipe = (PACKAGING / "spack/packages/synthgrid/package.py").read_text()
tree = ast.parse(recipe)
check(any(isinstance(n, ast.ClassDef) and n.name == "Synthgrid" for n in tree.body), "spack: no class Synthgrid")
defined = re.findall(r'define(?:_from_variant)?\("([A-Z0-9_]+)"', recipe)
easyconfig = next((PACKAGING / "easybuild").glob("*.eb"))
check(easyconfig.name.startswith(f"synthgrid-{VERSION}-"), f"{easyconfig.name}: the version is {VERSION}")
values = {}
exec(compile(easyconfig.read_text(), easyconfig, "exec"), {"SOURCE_TAR_GZ": "", "SYSTEM": "", "SHLIB_EXT": "so"}, values)
check(values["version"] == VERSION and values["easyblock"] == "CMakeMake", f"easybuild: {values['version']}")
defined += re.findall(r"-D([A-Z0-9_]+)=", values["configopts"])
check(len(defined) > 6 and set(defined) <= known, f"no such option of CMake: {set(defined) - known}")

# pkg-config's and CMake's names of what CMakeLists.txt asks for, as both recipes call them.
for needed in ("hdf5", "curl", "yaml", "jansson", "sqlite", "utf8proc", "openssl", "zlib"):
    check(needed in recipe.lower(), f"spack: no {needed}")
    check(any(needed in d[0].lower() for d in values["dependencies"]), f"easybuild: no {needed}")

# The container: packages of the libraries that the program itself asks for.
program = os.environ.get("SYNTHGRID", str(ROOT / "build/synthgrid"))
definition = (PACKAGING / "apptainer/synthgrid.def").read_text()
debian = pathlib.Path("/etc/debian_version")
if debian.exists() and debian.read_text().startswith("12.") and shutil.which("objdump") and pathlib.Path(program).exists():
    said = subprocess.run(["objdump", "-p", program], stdout=subprocess.PIPE, text=True, check=True).stdout
    for library in re.findall(r"NEEDED +(\S+)", said):
        path = subprocess.run(["dpkg-query", "-S", f"*/{library}"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True).stdout
        packages = {line.split(":")[0] for line in path.splitlines()} - {"libc6"}
        check(not path or not packages or any(p in definition.split() for p in packages) or library.startswith(("libm.", "libc.", "ld-", "libasan.", "libubsan.")),
              f"apptainer: no package of {library}: {packages}")
print("ok")
