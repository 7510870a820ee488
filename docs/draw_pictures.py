"""Draws the pictures of pictures.md into images/, by the page's own lines.

Each PNG carries the block that drew it, so that a test can tell whether the two are in step.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import matplotlib as mpl
from PIL import Image
from PIL.PngImagePlugin import PngInfo

HERE = Path(__file__).parent
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.DOTALL | re.MULTILINE)
SAVED = re.compile(r"savefig\(\"([\w-]+\.png)\"\)")


def main() -> None:
    """Run the page in images/, then make the files small."""
    page = (HERE / "pictures.md").read_text(encoding="utf-8")
    images = HERE / "images"
    images.mkdir(exist_ok=True)
    os.chdir(images)
    mpl.rcParams["savefig.dpi"] = 140
    namespace: dict[str, object] = {}
    for block in BLOCK.findall(page):
        exec(block, namespace)
        for name in SAVED.findall(block):
            info = PngInfo()
            info.add_itxt("drawn by", block)
            with Image.open(name) as image:
                small = image.convert("RGB").quantize(256, Image.Quantize.FASTOCTREE)
            small.save(name, optimize=True, pnginfo=info)


if __name__ == "__main__":
    main()
