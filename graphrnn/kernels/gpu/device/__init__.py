"""What runs on the GPU itself. The modules in here import triton, so that nobody imports them unasked."""

from __future__ import annotations

__all__: list[str] = []
