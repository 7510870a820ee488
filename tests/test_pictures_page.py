"""docs/pictures.md shows every picture, each drawn by the lines above it."""

import re
from pathlib import Path

import pytest
from PIL import Image

import graphrnn as gr

DOCS = Path(__file__).parent.parent / "docs"
PAGE = (DOCS / "pictures.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```python\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
DRAWN = {name: block for block in BLOCKS for name in re.findall(r"savefig\(\"([\w-]+\.png)\"\)", block)}


def test_every_picture_that_is_drawn_is_shown_below_its_lines():
    shown = re.findall(r"!\[[^\]]+\]\(images/([\w-]+\.png)\)", PAGE)
    assert shown == list(DRAWN)
    for name, block in DRAWN.items():
        assert PAGE.index(block) < PAGE.index(f"images/{name}")


def test_every_picture_of_the_library_is_on_the_page():
    called = set(re.findall(r"gr\.plots\.(\w+)\(", PAGE)) | {"layers"}  # drawn by rnn.plot_layers()
    assert called == set(gr.plots.__all__) - {"KIND_COLORS"}


@pytest.mark.parametrize("name", DRAWN)
def test_a_picture_was_drawn_by_the_lines_that_stand_there(name):
    path = DOCS / "images" / name
    assert path.stat().st_size < 130_000
    with Image.open(path) as image:
        drawn_by = image.text["drawn by"]
    assert drawn_by == DRAWN[name], f"{name} is out of step with the page; run `python docs/draw_pictures.py`"
