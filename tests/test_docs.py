"""README and docs cannot rot: their Python runs, their links lead somewhere.

In README.md and docs/*.md every ```python block runs, those of one file in order and in one namespace,
in an empty folder. A block whose fence reads ```python no-run is shown only. A block of any language
whose fence names a file, as in ```toml network.toml, is written to that file first.
"""

from __future__ import annotations

import re
from collections import namedtuple
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]

Block = namedtuple("Block", "language info line text")


def blocks_of(page):
    """The fenced blocks of a Markdown text; `line` is that of the block's first line."""
    fenced = re.compile(r"^```(\S*)[ \t]*([^\n]*)\n(.*?)^```[ \t]*$", re.DOTALL | re.MULTILINE)
    return [Block(m[1], m[2].strip(), 2 + page[: m.start()].count("\n"), m[3]) for m in fenced.finditer(page)]


def run(page, filename):
    """Runs a page's blocks in the current folder; an error shows the page's own line."""
    namespace = {"__name__": "__main__"}
    for language, info, line, text in blocks_of(page):
        if re.fullmatch(r"[\w-]+\.\w+", info):
            Path(info).write_text(text, encoding="utf-8")
        elif language == "python" and info != "no-run":
            exec(compile("\n" * (line - 1) + text, filename, "exec"), namespace)


def links_of(page):
    """Targets of links and pictures that are files of the project, without their anchors."""
    prose = re.sub(r"^```.*?^```", "", page, flags=re.DOTALL | re.MULTILINE)
    targets = re.findall(r"\]\(([^)\s]+)[^)]*\)|(?:src|href)=\"([^\"]+)\"", prose)
    files = [(a or b).partition("#")[0] for a, b in targets]
    return [file for file in files if file and not re.match(r"[a-z]+:", file)]


def unmarked(page):
    """Blocks of Python that would go unchecked, by their line."""
    return [
        block.line
        for block in blocks_of(page)
        if block.language in {"py", "pycon", "python3"}
        or (block.language == "python" and (block.info not in {"", "no-run"} or ">>>" in block.text))
    ]


@pytest.fixture(params=PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())
def page(request):
    return request.param


def test_the_python_of_a_page_runs(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run(page.read_text(encoding="utf-8"), str(page))


def test_the_python_of_a_page_is_marked_python(page):
    assert unmarked(page.read_text(encoding="utf-8")) == []


def test_links_of_a_page_lead_to_files(page):
    missing = [f for f in links_of(page.read_text(encoding="utf-8")) if not (page.parent / f).exists()]
    assert missing == []


MACHINE_PATH = re.compile(r"(?<![\w.*{}])/(?:home|Users|root|opt|work|mnt)/\w+")
TEXT_FILES = {".py", ".md", ".toml", ".txt", ".csv", ".yml", ".yaml", ".cfg", ".c", ".cpp", ".hpp", ".cu", ""}
# What a build or a worktree leaves among them, which names the machine it was made on.
LEFT_BEHIND = {".git", ".cmake", "CMakeCache.txt", "CMakeFiles", "CMakeInit.txt", ".ninja_deps", ".ninja_log"}


def project_files():
    folders = [ROOT / name for name in (".ci", "docs", "examples", "graphrnn", "tests")]
    files = [*ROOT.iterdir(), *(path for folder in folders for path in folder.rglob("*"))]
    return [p for p in files if p.is_file() and p.suffix in TEXT_FILES and LEFT_BEHIND.isdisjoint(p.parts)]


def test_no_file_names_a_path_of_one_machine():
    files = project_files()
    assert ROOT / "pyproject.toml" in files
    named = {}
    for path in files:
        found = MACHINE_PATH.findall(path.read_text(encoding="utf-8", errors="replace"))
        if found:
            named[path.relative_to(ROOT).as_posix()] = found
    assert named == {}


# The readers above, on a page of their own.

PAGE = """\
# Title
A [link](docs/a.md#part), [another](https://example.org/b.md), ![picture](c.png "title"), [here](#title),
<img src="d.svg" width="300">.

```python
x = 1
```
```toml net.toml
size = 3
```
```python no-run
raise SystemExit
```
```bash
[no](link.md)
```
```python
from pathlib import Path
assert Path("net.toml").read_text() == "size = 3\\n"
x += 1
y = 1 / (x - 2)
```
"""


def test_a_failing_block_is_caught_with_its_line(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ZeroDivisionError) as error:
        run(PAGE, "page.md")
    last = error.traceback[-1]
    assert (str(last.path), last.lineno + 1) == ("page.md", 21)


def test_links_are_found():
    assert links_of(PAGE) == ["docs/a.md", "c.png", "d.svg"]


def test_unchecked_python_is_found():
    assert unmarked(PAGE) == []
    assert unmarked("```pycon\n>>> 1\n```\n```python\n>>> 1\n```\n```python skip\n1\n```\n") == [2, 5, 8]


@pytest.mark.parametrize("text", ["/" + "home/ann/x", "see `/" + "work/main`", "=/" + "opt/x"])
def test_a_path_of_a_machine_is_found(text):
    assert MACHINE_PATH.search(text)


@pytest.mark.parametrize("text", ["../home/x", "docs/work/x", "and/or", "https://a.org/home/x", "/tmp/x"])
def test_other_paths_are_not(text):
    assert not MACHINE_PATH.search(text)
