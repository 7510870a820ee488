"""Throws damaged files at every reader: each must read them or refuse them in one sentence, and soon.

    python tests/fuzz_readers.py --seconds 600 --seed 7

The corpus is tests/corpus: small whole files, and files that once broke a reader. What breaks one now is
saved there under its format, for the next run. The test suite runs it for a few seconds.
"""

import argparse
import faulthandler
import random
import resource
import sys
import tempfile
import time
import warnings
from pathlib import Path

import graphrnn as gr

CORPUS = Path(__file__).parent / "corpus"
SLOW = 2.0  # seconds for a file of a few kilobytes
HANGS = 20.0  # seconds after which the fuzzer ends, with where it was, and leaves its folder
MEMORY = 6 << 30  # bytes of address space, far more than a small file needs
NUMBERS = [
    b"-1",
    b"0",
    b"1e400",
    b"nan",
    b"4294967296",
    b"99999999999999999999",
    b"",
    b"\x00",
    b"\xff\xff\xff\xff",
]
MARKS = [
    b",",
    b'"',
    b"\n",
    b"<",
    b">",
    b"&",
    b"'",
    b"/",
    b"<!DOCTYPE a>",
    b"%",
    b"{",
    b"}",
    b"\xed\xa0\x80",
    b"\t",
]


def damaged(content, others, rng):
    """The content with a few changes of kinds that readers meet: cut, flipped, repeated, mixed, spliced."""
    data = bytearray(content)
    for _ in range(rng.choice([1, 1, 1, 2, 4, 16])):
        if not data:
            return bytes(data)
        at, to = sorted((rng.randrange(len(data)), rng.randrange(len(data) + 1)))
        what = rng.randrange(8)
        if what == 0:
            data[at] ^= 1 << rng.randrange(8)
        elif what == 1:
            data[at] = rng.choice([0, 1, 0x7F, 0x80, 0xFE, 0xFF, rng.randrange(256)])
        elif what == 2:
            del data[at : at + rng.choice([1, 2, 4, 8, to - at])]
        elif what == 3:
            data[at:at] = data[at : min(to, at + 64)] * rng.choice([1, 2, 50])
        elif what == 4:
            data[at:at] = rng.choice(NUMBERS + MARKS)
        elif what == 5:
            end = min(len(data), at + rng.choice([1, 2, 4, 8]))
            data[at:end] = rng.choice([b"\x00", b"\xff", b"9"]) * (end - at)
        elif what == 6:
            other = rng.choice(others)
            data[at:to] = other[rng.randrange(len(other) + 1) :][: to - at + rng.randrange(64)]
        else:
            del data[at:]
    return bytes(data)


def fault_of(path):
    """What is wrong with how a file was read, or nothing."""
    faulthandler.dump_traceback_later(HANGS, exit=True)
    start = time.process_time()  # others may share the cores
    fault = None
    try:
        gr.io.read(path)
    except (ValueError, TypeError) as error:
        message = str(error)
        if not message.startswith("`io.read(") or "\n" in message.strip() or not message.endswith((".", "?")):
            fault = f"says {message!r}"
    except Exception as error:
        fault = f"raises {type(error).__name__}: {error}"
    took = time.process_time() - start
    return fault or (f"takes {took:.1f} s" if took > SLOW else None)


def fuzz(seconds, seed, keep):
    """Runs until the time is over; returns the faults found."""
    rng = random.Random(seed)
    corpus = {}
    for path in sorted(CORPUS.iterdir()):
        if ".nodes." not in path.name:
            corpus.setdefault(path.suffix, []).append(path)
    faults, count, stop = [], 0, time.monotonic() + seconds
    with tempfile.TemporaryDirectory() as folder:
        while time.monotonic() < stop:
            ending = rng.choice(sorted(corpus))
            source = rng.choice(corpus[ending])
            contents = [path.read_bytes() for path in corpus[ending]]
            path = Path(folder) / f"net{ending}"
            path.write_bytes(damaged(source.read_bytes(), contents, rng))
            beside, nodes = (p.with_name(f"{p.stem}.nodes{ending}") for p in (path, source))
            beside.unlink(missing_ok=True)
            if nodes.exists():
                whole = nodes.read_bytes()
                beside.write_bytes(damaged(whole, [whole], rng) if rng.random() < 0.3 else whole)
            count += 1
            if (fault := fault_of(path)) is not None:
                faults.append(f"{source.name}, file {count} of seed {seed}: {fault}")
                if keep:
                    (CORPUS / f"broke-{seed}-{count}{ending}").write_bytes(path.read_bytes())
    sys.stdout.write(f"{count} files, {len(faults)} faults\n")
    return faults


def main():
    faulthandler.enable()
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--seconds", type=float, default=60)
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--keep", action="store_true", help="save what breaks a reader into tests/corpus")
    given = options.parse_args()
    warnings.simplefilter("error")  # a reader that warns about a broken file has looked at nonsense
    warnings.filterwarnings(
        "ignore", "`io.read.* found no line end after the last (row|entry)"
    )  # as damage often has it
    for module in ("torch", "h5py", "pyarrow.parquet", "scipy.io", "pandas"):
        __import__(module)  # so that no import counts as the time of a file
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    faults = fuzz(given.seconds, given.seed, given.keep)
    sys.stdout.write("".join(f"{fault}\n" for fault in faults[:20]))
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
