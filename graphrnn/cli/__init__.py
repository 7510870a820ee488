"""The command line: `graphrnn demo | describe | compile | plot | convert | train | bench`.

Results go to stdout, progress to stderr. The exit code is 0 when all is well, 2 with one sentence on stderr
where something in the call or in a file is wrong, and 130 after an interrupt.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from graphrnn.cli.arguments import parser
from graphrnn.cli.messages import plain

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        arguments: the words after `graphrnn`; None for those of the process.

    Returns:
        The exit code.

    Example:
        >>> from graphrnn.cli import main
        >>> main(["describe", "nothing.toml"])
        2
    """
    options = parser().parse_args(arguments)
    command = f"graphrnn {options.command}"
    try:
        code: int = options.run(options)
        sys.stdout.flush()
    except KeyboardInterrupt:
        print(f"{command}: interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:  # the reader, such as `head`, has seen enough; nothing is left to flush at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (ValueError, TypeError, OSError, FloatingPointError, ImportError) as error:
        if options.traceback:
            raise
        print(f"{command}: error: {_sentence(error, options)}", file=sys.stderr)
        return 2
    return code


def _sentence(error: Exception, options: argparse.Namespace) -> str:
    if isinstance(error, OSError) and error.strerror:
        return f"cannot use {error.filename!r}: {error.strerror}." if error.filename else f"{error.strerror}."
    return plain(str(error), vars(options))
