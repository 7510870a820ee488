"""The kernels of the backend `triton` compile for a GPU, which takes none: the package has all compilers.

They cannot run here. The interpreter runs the same sources, but reads types and constants less strictly.
"""

import pytest
import torch
from kernel_cases import draw, outputs_and_gradients, random_mask

from graphrnn.kernels import BACKENDS
from graphrnn.kernels.gpu import TritonBackend, available

triton = pytest.importorskip("triton")
if available.interprets():
    pytest.skip("Triton interprets its kernels here", allow_module_level=True)

from triton.backends.compiler import GPUTarget  # noqa: E402
from triton.compiler import ASTSource  # noqa: E402

from graphrnn.kernels.gpu.device import gradients, steps  # noqa: E402

GPUS = {"A100": GPUTarget("cuda", 80, 32), "H100 and H200": GPUTarget("cuda", 90, 32)}
TYPES = {
    torch.float32: "*fp32",
    torch.float64: "*fp64",
    torch.bfloat16: "*bf16",
    torch.int32: "*i32",
    torch.int64: "*i64",
}
PRECISIONS = [("float32", "exact"), ("float32", "tf32"), ("float32", "bf16"), ("float64", "exact")]


class Recorder:
    """Stands in for a kernel: keeps the types of its arguments, as Triton itself would tell them apart."""

    def __init__(self, kernel, launches):
        self.kernel, self.launches = kernel, launches

    def __getitem__(self, grid):
        assert len(grid) <= 3
        assert all(size > 0 for size in grid)
        return self.launch

    def launch(self, *arguments, **constants):
        options = {name: constants.pop(name) for name in ("num_warps",) if name in constants}
        names = self.kernel.arg_names
        assert [*names[: len(arguments)], *constants] == names
        signature, known = dict.fromkeys(constants, "constexpr"), dict(constants)
        for name, value in zip(names, arguments, strict=False):
            if isinstance(value, torch.Tensor):
                signature[name] = TYPES[value.dtype]
            elif value is None or value == 1:
                signature[name], known[name] = "constexpr", value
            else:
                signature[name] = "i32" if value < 2**31 else "i64"
        signature = {name: signature[name] for name in names}
        launch = (self.kernel, signature, known, options)
        self.launches[tuple(map(str, launch))] = launch


@pytest.fixture
def launches(monkeypatch, tmp_path_factory):
    """All different launches of a test. The backend believes itself to be on a GPU, and computes nothing."""
    found = {}
    monkeypatch.setenv("TRITON_CACHE_DIR", str(tmp_path_factory.getbasetemp() / "triton"))
    for module in (steps, gradients):
        for name in module.__all__:
            monkeypatch.setattr(module, name, Recorder(getattr(module, name), found))
    monkeypatch.setattr(TritonBackend, "unavailable", lambda *_: None)
    return found


def compile_all(launches, gpu):
    for kernel, signature, constants, options in launches.values():
        source = ASTSource(kernel, signature, constants)
        assert triton.compile(source, target=GPUS[gpu], options=options).asm["cubin"]


@pytest.mark.parametrize(
    ("gpu", "dtype", "precision"),
    [*(("H100 and H200", *each) for each in PRECISIONS), ("A100", "float32", "exact")],
)
@pytest.mark.parametrize("way", TritonBackend.ways())
def test_every_launch_compiles(launches, monkeypatch, way, gpu, dtype, precision):
    monkeypatch.setitem(BACKENDS, "triton", TritonBackend.ways()[way])
    mask = random_mask(70, 70, 0.05)
    mask[:32, :32] = mask[40] = True
    drawn = draw(mask, 3, 18, noisy=True).to(getattr(torch, dtype))
    outputs_and_gradients(drawn, activation="softplus", precision=precision, backend="triton")
    assert len(launches) >= 4
    compile_all(launches, gpu)


@pytest.mark.parametrize("activation", ["relu", "tanh", "sigmoid", "retanh", "identity"])
def test_numbers_of_one_compile(launches, monkeypatch, activation):
    """Triton takes a number of 1 for a constant, which is no tensor in a kernel."""
    drawn = draw(random_mask(1, 1, 2.0), 1, 1, n_inputs=1, n_readouts=1, density=2.0)
    ways = TritonBackend.ways().values() if activation == "relu" else [TritonBackend()]
    for way in ways:
        monkeypatch.setitem(BACKENDS, "triton", way)
        outputs_and_gradients(drawn, activation=activation, backend="triton")
    compile_all(launches, "A100")
