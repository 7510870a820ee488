"""What all kernels share: activations and their slopes, rounding, and what ends a step of a neuron.

These functions run on the device. Triton compiles them, or interprets them on a CPU.
"""

from __future__ import annotations

import triton
import triton.language as tl

__all__ = ["activated", "dot", "finish", "log1p", "one_minus_exp", "rounded", "slope", "store", "tanh"]


@triton.jit
def tanh(v):
    """By its series near zero, where 1 - 2 / (1 + exp(2v)) would lose digits."""
    a = tl.abs(v)
    far = 1 - 2 / (1 + tl.exp(2 * tl.minimum(a, 30)))
    s = tl.minimum(a, 0.25) * tl.minimum(a, 0.25)
    series = 21844.0 / 6081075 + s * (-929569.0 / 638512875 + s * (6404582.0 / 10854718875))
    series = 62.0 / 2835 + s * (-1382.0 / 155925 + s * series)
    series = 1 + s * (-1.0 / 3 + s * (2.0 / 15 + s * (-17.0 / 315 + s * series)))
    size = tl.where(a < 0.2, a * series, far)
    size = tl.where(v != v, v, size)
    return tl.where(v < 0, -size, size)


@triton.jit
def log1p(e):
    """Of e from 0 to 1, exact for small e too (Kahan)."""
    u = 1 + e
    return tl.where(u == 1, e, tl.log(u) * (e / tl.where(u == 1, 1, u - 1)))


@triton.jit
def one_minus_exp(r):
    """1 - exp(-r) of r from 0 on, exact for small r too (Kahan)."""
    u = tl.exp(-r)
    tiny = u == 1
    whole = u < 0.5
    safe = tl.where(tiny | whole, 0.75, u)
    near = (u - 1) * (r / tl.log(safe))
    return tl.where(tiny, r, tl.where(whole, 1 - u, near))


@triton.jit
def activated(v, ACTIVATION: tl.constexpr):
    """f(v); the names are those of `ACTIVATIONS`."""
    if ACTIVATION == "relu":
        r = tl.where(v < 0, tl.zeros_like(v), v)
    elif ACTIVATION == "tanh":
        r = tanh(v)
    elif ACTIVATION == "sigmoid":
        e = tl.exp(-tl.abs(v))
        r = tl.where(v < 0, e, tl.zeros_like(v) + 1) / (1 + e)
    elif ACTIVATION == "softplus":  # torch takes v itself above 20
        soft = tl.maximum(v, tl.zeros_like(v)) + log1p(tl.exp(-tl.abs(v)))
        r = tl.where(v > 20, v, tl.where(v != v, v, soft))
    elif ACTIVATION == "retanh":
        r = tanh(tl.where(v < 0, tl.zeros_like(v), v))
    else:
        r = v
    return r


@triton.jit
def slope(r, ACTIVATION: tl.constexpr):
    """f'(v), as a function of the noiseless r = f(v)."""
    if ACTIVATION == "relu":
        s = tl.where(r > 0, tl.zeros_like(r) + 1, tl.zeros_like(r))
    elif ACTIVATION == "tanh":
        s = 1 - r * r
    elif ACTIVATION == "sigmoid":
        s = r * (1 - r)
    elif ACTIVATION == "softplus":
        s = one_minus_exp(r)
    elif ACTIVATION == "retanh":
        s = tl.where(r > 0, 1 - r * r, tl.zeros_like(r))
    else:
        s = tl.zeros_like(r) + 1
    return s


@triton.jit
def rounded(x, PRECISION: tl.constexpr):
    """The nearest number of a precision, to even, still in its type; as `_precision.rounded` does it."""
    if PRECISION != "exact":
        CUT: tl.constexpr = 13 if PRECISION == "tf32" else 16
        bits = x.to(tl.int32, bitcast=True)
        near = (bits + ((1 << (CUT - 1)) - 1) + ((bits >> CUT) & 1)) & -(1 << CUT)
        x = tl.where(x != x, x, near.to(tl.float32, bitcast=True))
    return x


@triton.jit
def dot(w, x, total, PRECISION: tl.constexpr):
    """Total + w x, on tensor cores unless it has to be exact.

    A number with the 7 bits of bfloat16 is one with the 10 bits of tf32 as well.
    """
    if PRECISION == "exact":
        return tl.dot(w, x, total, input_precision="ieee", out_dtype=total.dtype)
    return tl.dot(rounded(w, PRECISION), rounded(x, PRECISION), total, input_precision="tf32")


@triton.jit
def finish(
    current,
    at,
    leak,
    mask,
    state,
    out,
    low,
    seen,
    kept,
    MODE: tl.constexpr,
    NOISY: tl.constexpr,
    ACTIVATION: tl.constexpr,
):
    """Ends a step of some neurons, from what reaches them; `at` is where they are in (neuron, batch).

    "forward": v from the current, then r. "backward": the gradient g of the drive from that of the rates;
    `state` carries (1 - α) g to the step before. "product": what reaches them is all there is.
    """
    if MODE == "product":
        tl.store(out + at, current, mask)
    elif MODE == "forward":
        v = (1 - leak) * tl.load(state + at, mask, other=0) + leak * current
        r = activated(v, ACTIVATION)
        if NOISY:
            r += tl.load(seen + at, mask, other=0)
        tl.store(state + at, v, mask)
        if kept is not None:
            tl.store(kept + at, v, mask)
        store(out, low, at, r, mask)
    else:
        r = tl.load(seen + at, mask, other=0)
        if NOISY:  # then v was seen, because noise hides f(v) in r
            r = activated(r, ACTIVATION)
        g = tl.load(state + at, mask, other=0) + current * (leak * slope(r, ACTIVATION))
        tl.store(state + at, (1 - leak) * g, mask)
        store(out, low, at, g, mask)


@triton.jit
def store(out, low, at, r, mask):
    """Keeps r, and a second time in half the bytes where products read it from there."""
    tl.store(out + at, r, mask)
    if low is not None:
        # Rounded first, because the interpreter cuts off what does not fit.
        tl.store(low + at, rounded(r, "bf16").to(tl.bfloat16), mask)
