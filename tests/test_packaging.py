"""What the build promises, as far as it can be seen without building: wheels, sources, instruction sets."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import graphrnn

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parent.parent
NATIVE = ROOT / "graphrnn" / "kernels" / "native"
SOURCES = sorted((NATIVE / "src").iterdir())
CMAKE = (NATIVE / "CMakeLists.txt").read_text()
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
COMPILER = next((name for name in ("c++", "g++", "clang++") if shutil.which(name)), None)


def test_one_wheel_serves_all_versions_of_python():
    assert PYPROJECT["tool"]["scikit-build"]["wheel"]["py-api"] == "py3"
    wheels = PYPROJECT["tool"]["cibuildwheel"]
    assert re.fullmatch(r"cp3\d+-\*", wheels["build"]), (
        "each further version would build the same wheel again"
    )
    assert "'native' in k.available_backends()" in wheels["test-command"]
    python_headers = [path.name for path in SOURCES if "Python.h" in path.read_text()]
    assert python_headers == []


def test_the_version_is_read_from_the_package():
    settings = PYPROJECT["tool"]["scikit-build"]["metadata"]["version"]
    source = (ROOT / settings["input"]).read_text()
    assert f'__version__ = "{graphrnn.__version__}"' in source


def test_without_a_compiler_the_library_is_left_out():
    (override,) = PYPROJECT["tool"]["scikit-build"]["overrides"]
    assert override == {"if": {"failed": True}, "wheel": {"cmake": False}}


def test_every_source_is_compiled():
    compiled = set(re.findall(r"src/(\w+\.cpp)", CMAKE))
    assert compiled == {path.name for path in SOURCES if path.suffix == ".cpp"}


# What only one kind of processor, compiler or system has stands under a condition that names it.

OF_X86 = re.compile(r"\b(_mm\d*_\w+|__m(?:mask)?\d+\w*|__builtin_ia32_\w+|__builtin_cpu_\w+)\b|immintrin\.h")
CONDITIONS = (
    "__SSE2__",
    "__AVX2__",
    "GRAPHRNN_AVX512",
    "GRAPHRNN_AVX2",
    "GRAPHRNN_X86",
    "__x86_64__",
    "__i386__",
)


def unguarded(source):
    """Lines that name something of x86 where no condition around them does."""
    conditions, found = [], []
    for number, line in enumerate(source.splitlines(), start=1):
        directive = re.match(r"\s*#\s*(if|ifdef|ifndef|elif|else|endif)\b(.*)", line)
        if directive is None:
            code = line.partition("//")[0]
            guarded = any(name in condition for condition in conditions for name in CONDITIONS)
            if OF_X86.search(code) and not guarded:
                found.append(number)
        elif directive[1] in ("if", "ifdef", "ifndef"):
            conditions.append(directive[2])
        elif directive[1] == "endif":
            conditions.pop()
        else:
            conditions[-1] = directive[2]  # `else` is guarded by nothing
    return found


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
def test_other_processors_see_nothing_of_x86(path):
    assert unguarded(path.read_text()) == []


def test_what_is_not_guarded_is_found():
    source = (
        "#if defined(__AVX2__)\n_mm256_add_ps(a, b);\n#else\n_mm_add_ps(a, b);\n#endif\n__m512 v;\n// _mm_x\n"
    )
    assert unguarded(source) == [4, 6]


@pytest.mark.skipif(COMPILER is None, reason="needs a C++ compiler")
@pytest.mark.parametrize("defines", [[], ["-DGRAPHRNN_X86"]], ids=["no x86 paths", "x86 paths"])
def test_the_sources_compile_without_a_warning(defines, tmp_path):
    """Syntax alone, so that it takes seconds; -Werror over the warnings that the build shows."""
    files = [str(path) for path in SOURCES if path.suffix == ".cpp"]
    flags = ["-std=c++17", "-fsyntax-only", "-Wall", "-Wextra", "-Wno-psabi", "-Werror"]
    run = subprocess.run([COMPILER, *flags, *defines, *files], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
