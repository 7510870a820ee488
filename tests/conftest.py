"""What every test and doctest runs under: no window, no leftovers, the same draws each time."""

import os
import sys

os.environ["MPLBACKEND"] = "Agg"  # before matplotlib is imported, also in the processes that tests start

import pytest
import torch
from hypothesis import settings

# The same examples on every run and on every machine, however slow. More: --hypothesis-profile=default.
settings.register_profile("graphrnn", deadline=None, derandomize=True)
settings.load_profile("graphrnn")
torch.set_num_threads(1)  # a second thread only costs at these sizes


class Everywhere:
    """Fixtures for the doctests of graphrnn/ too, which lie outside of this folder."""

    @pytest.fixture(autouse=True)
    def _nothing_left_behind(self, request, monkeypatch):
        if isinstance(request.node, pytest.DoctestItem):
            monkeypatch.chdir(request.getfixturevalue("tmp_path"))  # a doctest may save files
        yield
        if "matplotlib.pyplot" in sys.modules:
            sys.modules["matplotlib.pyplot"].close("all")


def pytest_configure(config):
    config.pluginmanager.register(Everywhere(), "graphrnn-everywhere")
