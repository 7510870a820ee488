"""A bar shows on a terminal what takes more than a few seconds, and nowhere else."""

import os
import subprocess
import sys

import numpy as np
import pytest

import graphrnn as gr

pty = pytest.importorskip("pty", reason="terminals of POSIX")

READ = """
import sys, time
import graphrnn as gr
from graphrnn.io import _pieces, _progress, _text_table

_progress._QUIET = float(sys.argv[1])
_pieces._BLOCK, _text_table._CHUNK = 1 << 10, 10
net = gr.io.read("net.csv")
gr.io.write(net, "copy.csv")
"""


@pytest.fixture
def in_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    gr.io.write(gr.Connectome.from_matrix(np.ones((30, 30))), "net.csv")


def on_a_terminal(quiet):
    """What a terminal shows."""
    fcntl, termios = pytest.importorskip("fcntl"), pytest.importorskip("termios")
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, b"\x1e\x00\x64\x00" + bytes(4))  # 30 rows of 100 columns
    with subprocess.Popen([sys.executable, "-c", READ, str(quiet)], stderr=theirs) as process:
        os.close(theirs)
        shown = b""
        try:
            while block := os.read(ours, 1 << 16):
                shown += block
        except OSError:  # how Linux says that the other end is closed
            pass
    os.close(ours)
    assert process.returncode == 0, shown
    return shown.decode()


def test_a_terminal_shows_a_bar(in_folder):
    shown = on_a_terminal(0)
    for what in ("checking net.csv", "reading net.csv", "reading net.nodes.csv", "writing copy.csv"):
        assert what in shown


def test_a_terminal_shows_none_for_what_is_done_soon(in_folder):
    assert on_a_terminal(60) == ""


def test_a_file_or_a_pipe_gets_no_bar(in_folder):
    run = subprocess.run([sys.executable, "-c", READ, "0"], capture_output=True, text=True, check=True)
    assert (run.stdout, run.stderr) == ("", "")
