"""Packages that not everybody has."""

from __future__ import annotations

import importlib
import warnings
from typing import Any

__all__ = ["optional"]

# module → the package as PyPI calls it, and the extra of graphrnn that brings it
_PACKAGES = {
    "h5py": ("h5py", "sonata"),
    "onnx": ("onnx", "onnx"),
    "onnxscript": ("onnxscript", "onnx"),
    "pyarrow": ("pyarrow", "parquet"),
    "safetensors": ("safetensors", "safetensors"),
    "torch_geometric": ("torch-geometric", "pyg"),
    "torch_sparse": ("torch-sparse", "torch-sparse"),
    "triton": ("triton", "triton"),
}
_BUILT_WITH_TORCH = {"torch-sparse"}  # extras whose packages import torch while they are built


def optional(call: str, module: str) -> Any:
    """A module of a package that an extra of graphrnn brings.

    Raises:
        ImportError: one sentence that names the call, the package and the extra, where it is missing.
    """
    try:
        with warnings.catch_warnings():  # of what the package itself calls, such as torch.jit.script
            warnings.simplefilter("ignore", DeprecationWarning)
            return importlib.import_module(module)
    except ImportError as error:
        package, extra = _PACKAGES[module.partition(".")[0]]
        options = "--no-build-isolation " if extra in _BUILT_WITH_TORCH else ""
        raise ImportError(
            f"`{call}` needs the package {package}, which is not installed. "
            f"Install it with `pip install {options}'graphrnn[{extra}]'`."
        ) from error
