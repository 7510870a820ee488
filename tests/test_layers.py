"""The house keeps its shape: imports run downward, slow packages wait, `__all__` is true.

The layers are read from the table in docs/design.md, so that the page and the rule cannot differ.
"""

from __future__ import annotations

import ast
import importlib
import re
import subprocess
import sys
from collections import namedtuple
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "graphrnn"
TOP = {"graphrnn", "graphrnn.__main__"}  # they stand above all layers, and nobody imports them

# Where a package may be imported: "module" anywhere in the chapter, "function" only inside functions and
# under TYPE_CHECKING. A chapter that is not named may not import it at all; "*" is every chapter.
THIRD_PARTY = {
    "torch": {
        "kernels": "module",
        "nn": "module",
        "tasks": "module",
        "training": "module",
        "connectome": "function",
        "io": "function",
        "cli": "function",
    },
    "networkx": {
        "graph": "module",
        "compiler": "module",
        "connectome": "function",
        "plots": "function",
        "cli": "function",
    },
    "pandas": {"*": "function"},
    "matplotlib": {"*": "function"},
    "tqdm": {"*": "function"},
    "tomli": {"*": "function"},
    "tomli_w": {"*": "function"},
    "triton": {"kernels": "module"},
}

# `name` is what is taken from the target; `when` is "module", "function" or "typing" (under TYPE_CHECKING).
Import = namedtuple("Import", "target name line when")


# What the design page says.


def layer_table(page):
    """Chapter → layer, from the one code block of the page whose lines all read `number  chapters`."""
    blocks = re.findall(r"^```[^\n]*\n(.*?)^```", page, re.DOTALL | re.MULTILINE)
    tables = [b for b in blocks if all(re.match(r"\d+ +\S", line) for line in b.splitlines())]
    assert len(tables) == 1, f"docs/design.md needs one table of layers; it has {len(tables)}"
    layers = {}
    for line in tables[0].splitlines():
        number, words = line.split(maxsplit=1)
        words = re.sub(r"\([^)]*\)", "", words).rpartition(":")[2].replace(",", " ")
        for chapter in words.split():
            assert chapter not in layers, f"{chapter} stands twice in the table of layers"
            layers[chapter] = int(number)
    return layers


# What the sources say.


def module_name(path):
    parts = ("graphrnn", *path.relative_to(PACKAGE).with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def package_sources():
    """Module name → (source, whether it is the `__init__` of a folder)."""
    return {
        module_name(path): (path.read_text(encoding="utf-8"), path.name == "__init__.py")
        for path in sorted(PACKAGE.rglob("*.py"))
    }


def chapter_of(module):
    return module.split(".")[1]


class ImportReader(ast.NodeVisitor):
    """Collects every import of one module, wherever it stands, as absolute names."""

    def __init__(self, module, is_folder, modules):
        self.package = module if is_folder else module.rpartition(".")[0]
        self.modules = modules
        self.when = "module"
        self.imports = []

    def add(self, target, node, name=None):
        self.imports.append(Import(target, name, node.lineno, self.when))

    def visit_Import(self, node):
        for alias in node.names:
            self.add(alias.name, node)

    def visit_ImportFrom(self, node):
        base = node.module or ""
        if node.level:
            parents = self.package.split(".")
            parents = parents[: len(parents) - node.level + 1]
            base = ".".join([*parents, base] if base else parents)
        for alias in node.names:
            submodule = f"{base}.{alias.name}"
            if submodule in self.modules:
                self.add(submodule, node)
            else:
                self.add(base, node, alias.name)

    def visit_Call(self, node):
        name = getattr(node.func, "attr", getattr(node.func, "id", ""))
        if name in {"import_module", "__import__"} and node.args:
            target = node.args[0]
            if isinstance(target, ast.Constant) and isinstance(target.value, str):
                package = f"{self.package}." if target.value.startswith(".") else ""
                self.add(package + target.value.lstrip("."), node)
        self.generic_visit(node)

    def visit_within(self, when, nodes):
        before, self.when = self.when, when
        for node in nodes:
            self.visit(node)
        self.when = before

    def visit_FunctionDef(self, node):
        self.visit_within("function", node.body)

    def visit_AsyncFunctionDef(self, node):
        self.visit_FunctionDef(node)

    def visit_If(self, node):
        typing_only = ast.unparse(node.test) in {"TYPE_CHECKING", "typing.TYPE_CHECKING"}
        self.visit_within("typing" if typing_only else self.when, node.body)
        self.visit_within(self.when, [node.test, *node.orelse])


def imports_of(sources):
    """Module → its imports, for a dictionary like that of `package_sources`."""
    found = {}
    for module, (source, is_folder) in sources.items():
        reader = ImportReader(module, is_folder, sources.keys())
        reader.visit(ast.parse(source))
        found[module] = reader.imports
    return found


# The rules: each returns the sentences that a developer reads when it is broken.


def homeless(sources, layers):
    return [
        f"{module}: '{chapter_of(module)}' has no layer in docs/design.md"
        for module in sources
        if module not in TOP and chapter_of(module) not in layers
    ]


def arrow_faults(sources, layers):
    faults = []
    for module, imports in imports_of(sources).items():
        for target, _, line, _ in imports:
            if target.partition(".")[0] != "graphrnn" or module in TOP:
                continue
            where = f"{module}:{line}: imports {target}"
            if target in TOP:
                faults.append(f"{where}; name the module that defines the thing")
            elif chapter_of(target) != chapter_of(module):
                here, there = layers.get(chapter_of(module), 0), layers.get(chapter_of(target), 0)
                if there >= here:
                    faults.append(f"{where}; layer {here} may not import layer {there}")
    return faults


def circles(sources):
    """The first circle within a chapter; an annotation may look back at the class that a helper serves."""
    below = {
        module: {
            target
            for target, _, _, when in imports
            if target in sources and target not in TOP and when != "typing"
            if chapter_of(target) == chapter_of(module)
        }
        for module, imports in imports_of(sources).items()
        if module not in TOP
    }
    try:
        TopologicalSorter(below).prepare()
    except CycleError as error:
        return [" → ".join(error.args[1])]
    return []


def third_party_faults(sources):
    faults = []
    for module, imports in imports_of(sources).items():
        for target, _, line, when in imports:
            package = target.partition(".")[0]
            if package not in THIRD_PARTY:
                continue
            rule = THIRD_PARTY[package]
            chapter = "" if module in TOP else chapter_of(module)
            allowed = rule.get(chapter, rule.get("*"))
            if allowed is None:
                faults.append(f"{module}:{line}: '{chapter}' may not import {package}")
            elif allowed == "function" and when == "module":
                faults.append(f"{module}:{line}: imports {package} outside a function")
    return faults


def listed_names(source):
    """The literal `__all__` of a module, or None."""
    for node in ast.parse(source).body:
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        if [getattr(target, "id", "") for target in targets] == ["__all__"]:
            return ast.literal_eval(node.value)
    return None


def public_names(source):
    """The functions and classes that a module defines at its top level under a public name."""
    definitions = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    names = [node.name for node in ast.parse(source).body if isinstance(node, definitions)]
    return [name for name in names if not name.startswith("_")]


def borrowed_names(sources):
    """What modules import from each other without the lender listing it in `__all__`."""
    return [
        f"{module}:{line}: imports {name}, which is not in the `__all__` of {target}"
        for module, imports in imports_of(sources).items()
        for target, name, line, _ in imports
        if target in sources and name and name not in (listed_names(sources[target][0]) or [])
    ]


# The package keeps them.

SOURCES = package_sources()


@pytest.fixture(scope="module")
def layers():
    return layer_table((ROOT / "docs" / "design.md").read_text(encoding="utf-8"))


def test_every_module_has_a_layer(layers):
    assert homeless(SOURCES, layers) == []


def test_every_chapter_of_the_table_exists(layers):
    chapters = {chapter_of(module) for module in SOURCES if module not in TOP}
    assert set(layers) - chapters == set()


def test_imports_run_downward(layers):
    assert arrow_faults(SOURCES, layers) == []


def test_no_circle_within_a_chapter():
    assert circles(SOURCES) == []


def test_third_party_packages_stay_where_they_belong():
    assert third_party_faults(SOURCES) == []


def test_modules_import_from_each_other_only_what_is_listed():
    assert borrowed_names(SOURCES) == []


@pytest.mark.parametrize("module", SOURCES)
def test_all_is_true(module):
    source, _ = SOURCES[module]
    listed = listed_names(source)
    assert listed is not None, f"{module} has no literal `__all__`"
    assert len(listed) == len(set(listed))
    assert [name for name in public_names(source) if name not in listed] == []
    if module.startswith("graphrnn.kernels.gpu.device."):
        pytest.importorskip("triton")
    if module != "graphrnn.__main__":  # importing it runs the command line
        loaded = importlib.import_module(module)
        assert [name for name in listed if not hasattr(loaded, name)] == []


@pytest.mark.parametrize(
    ("module", "stay_out"),
    [
        ("graphrnn", {"torch", "networkx", "matplotlib", "pandas", "tqdm"}),
        ("graphrnn.connectome", {"torch", "networkx", "matplotlib", "pandas"}),
        ("graphrnn.structures", {"torch", "matplotlib", "pandas"}),
        ("graphrnn.statistics", {"torch", "networkx", "matplotlib", "pandas"}),
        ("graphrnn.measured", {"torch", "matplotlib", "pandas"}),
        ("graphrnn.plots", {"torch", "matplotlib", "pandas"}),
        ("graphrnn.datasets", {"torch", "networkx", "matplotlib", "pandas"}),
        ("graphrnn.nn", {"networkx", "matplotlib", "pandas"}),
        ("graphrnn.cli", {"torch", "matplotlib", "pandas"}),
    ],
)
def test_slow_packages_wait_until_they_are_used(module, stay_out):
    program = f"import sys, {module}; print(*sorted({stay_out} & sys.modules.keys()))"
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (run.returncode, run.stdout.split()) == (0, []), run.stderr


# The rules catch what they are for: each forged package breaks one of them.

FORGED_LAYERS = {"cli": 4, "nn": 3, "tasks": 3, "graph": 2, "connectome": 1}


def forged(**modules):
    """A package of single-file modules from their sources; `nn__x` is a file of the folder nn."""
    return {"graphrnn." + n.replace("__", "."): (source, False) for n, source in modules.items()}


EMPTY = forged(cli="", nn="", tasks="", graph="", connectome="")


@pytest.mark.parametrize(
    ("importer", "source", "fault"),
    [
        ("graph", "from graphrnn.nn import CTRNN", "graphrnn.nn; layer 2 may not import layer 3"),
        ("graph", "from graphrnn import nn", "graphrnn.nn; layer 2 may not import layer 3"),
        ("graph", "from . import nn", "graphrnn.nn; layer 2 may not import layer 3"),
        ("graph", "from .nn import CTRNN", "graphrnn.nn; layer 2 may not import layer 3"),
        ("graph", "import graphrnn.nn.ctrnn", "graphrnn.nn.ctrnn; layer 2 may not import layer 3"),
        ("nn", "import graphrnn.tasks as t", "graphrnn.tasks; layer 3 may not import layer 3"),
        ("nn", "from graphrnn import AreaGraph", "graphrnn; name the module that defines the thing"),
        ("nn", "import graphrnn as gr", "graphrnn; name the module that defines the thing"),
    ],
)
@pytest.mark.parametrize(
    "place",
    [
        "{}",
        "def f():\n    {}",
        "class C:\n    async def f(self):\n        {}",
        "if TYPE_CHECKING:\n    {}",
        "try:\n    {}\nexcept ImportError:\n    pass",
    ],
)
def test_an_upward_import_is_caught_wherever_it_stands(importer, source, fault, place):
    place = place.format(source)
    line = 1 + place[: place.index(source)].count("\n")
    sources = {**EMPTY, **forged(**{importer: place})}
    assert arrow_faults(sources, FORGED_LAYERS) == [f"graphrnn.{importer}:{line}: imports {fault}"]


def test_an_upward_import_by_name_is_caught():
    sources = {**EMPTY, **forged(graph="importlib.import_module('graphrnn.nn')")}
    fault = "graphrnn.graph:1: imports graphrnn.nn; layer 2 may not import layer 3"
    assert arrow_faults(sources, FORGED_LAYERS) == [fault]


def test_downward_imports_pass():
    source = "import numpy\nfrom graphrnn.connectome import Connectome\nfrom .graph import AreaGraph"
    assert arrow_faults({**EMPTY, **forged(nn=source)}, FORGED_LAYERS) == []


def test_a_relative_import_inside_a_folder_names_its_sibling():
    sources = {
        **forged(nn__cell="from . import layer\nfrom .. import tasks"),
        **forged(nn__layer="", tasks=""),
    }
    assert [i.target for i in imports_of(sources)["graphrnn.nn.cell"]] == [
        "graphrnn.nn.layer",
        "graphrnn.tasks",
    ]


def test_a_circle_inside_a_folder_is_caught():
    straight = forged(nn__a="from .b import x", nn__b="from .c import x", nn__c="")
    assert circles(straight) == []
    annotated = {**straight, **forged(nn__c="if TYPE_CHECKING:\n    from .a import x")}
    assert circles(annotated) == []
    bent = {**straight, **forged(nn__c="def f():\n    from .a import x")}
    assert len(circles(bent)) == 1
    assert set(circles(bent)[0].split(" → ")) == {"graphrnn.nn.a", "graphrnn.nn.b", "graphrnn.nn.c"}


def test_a_module_without_a_layer_is_caught():
    sources = {"graphrnn": ("", True), **EMPTY, **forged(utils="")}
    assert homeless(sources, FORGED_LAYERS) == ["graphrnn.utils: 'utils' has no layer in docs/design.md"]


@pytest.mark.parametrize(
    ("chapter", "source", "faults"),
    [
        ("graph", "def f():\n    import torch", ["graphrnn.graph:2: 'graph' may not import torch"]),
        ("connectome", "import torch", ["graphrnn.connectome:1: imports torch outside a function"]),
        ("connectome", "def f():\n    import torch", []),
        ("connectome", "if TYPE_CHECKING:\n    import torch", []),
        (
            "connectome",
            "if DEBUG:\n    import torch",
            ["graphrnn.connectome:2: imports torch outside a function"],
        ),
        ("nn", "from torch import nn", []),
        (
            "nn",
            "if TYPE_CHECKING:\n    from networkx import DiGraph",
            ["graphrnn.nn:2: 'nn' may not import networkx"],
        ),
        ("nn", "from pandas import DataFrame", ["graphrnn.nn:1: imports pandas outside a function"]),
        ("nn", "import matplotlib.pyplot", ["graphrnn.nn:1: imports matplotlib outside a function"]),
    ],
)
def test_a_package_out_of_place_is_caught(chapter, source, faults):
    assert third_party_faults(forged(**{chapter: source})) == faults


def test_public_names_are_the_functions_and_classes_at_the_top():
    source = "import os\nA = 1\ndef f(): g = 1\ndef _h(): pass\nclass D:\n    e = 1\n"
    assert public_names(source) == ["f", "D"]
    assert listed_names("__all__ = ['A', 'f']") == ["A", "f"]
    assert listed_names("__all__: list[str] = []") == []
    assert listed_names(source) is None


def test_a_borrowed_name_is_caught():
    sources = forged(
        nn="from graphrnn.graph import A, B\nfrom os import path", graph="__all__ = ['A']\nB = 1"
    )
    fault = "graphrnn.nn:1: imports B, which is not in the `__all__` of graphrnn.graph"
    assert borrowed_names(sources) == [fault]


def test_the_table_is_read_as_it_is_written():
    page = (
        "```python\nx = 1\n```\n\n```\n2  nn  tasks\n1  helpers: _checks (of arguments, all), _streams\n```\n"
    )
    assert layer_table(page) == {"nn": 2, "tasks": 2, "_checks": 1, "_streams": 1}
