"""One training step of the same sparse network in several libraries, timed in turns in one run.

    python compare_libraries.py --case S M1 M2 L1 L2 XL --json results.json

A step is the forward pass (input, recurrence, readout), the mean squared error over all time steps, the
backward pass and Adam. All libraries start from the same weights, get the same data, and must come to the
same losses. They take turns, so quote the ratios of one run, not the milliseconds. Peers that are not
installed are named and left out. `--impl graphrnn nothing` also times what torch alone takes for such a step:
autograd, loss and Adam around a recurrence that computes nothing.

    pip install nn4n --no-deps        the original, on dense matrices
    pip install jax brainevent        JAX on dense matrices, on its BCOO format, and with brainevent's CSR
    pip install torch-scatter torch-sparse --no-build-isolation        minutes of compilation
"""

import argparse
import importlib.metadata
import json
import os
import statistics
from collections import namedtuple
from pathlib import Path

import numpy as np
import torch

import graphrnn as gr
from graphrnn.training import benchmark, machine, time_in_turns

# entry [i, j] is the density of the projection from area j to area i
FOUR_AREAS = [[1.0, 0.1, 0.0, 0.0], [0.1, 1.0, 0.1, 0.0], [0.0, 0.1, 1.0, 0.1], [0.0, 0.0, 0.1, 1.0]]
Case = namedtuple("Case", "neurons densities time_steps batch")
CASES = {
    "S": Case(100, FOUR_AREAS, 100, 64),  # the example of the MultiArea documentation
    "M1": Case(1000, FOUR_AREAS, 100, 64),
    "M2": Case(1000, np.full((4, 4), 0.05), 100, 64),
    "L1": Case(4000, np.full((4, 4), 0.02), 50, 64),
    "L2": Case(10_000, np.full((4, 4), 0.01), 20, 64),
    "XL": Case(100_000, np.full((4, 4), 0.001), 10, 16),
}
ALPHA, RATE = 0.1, 1e-4  # dt / τ; learning rate
BETA1, BETA2, EPSILON = 0.9, 0.999, 1e-8  # Adam's defaults in torch
OUT_OF_REACH = (
    20_000  # neurons from which dense matrices do not fit, and JAX compiled for more than ten minutes
)
SAME_LOSS = 1e-4
TURN = 0.2  # seconds of a turn at least: short steps are timed as a loop of training takes them
SAME_LOSS_ROUNDED = 1e-2  # with products of 10 bits

# The network as every library gets it: weights as scipy CSR (post, pre), data as (batch, time, channel).
Problem = namedtuple("Problem", "net w_in w w_out x y device")


def make_problem(case, device):
    """The network of a case with graphrnn's initial weights, and random data."""
    n, densities, time_steps, batch = CASES[case]
    struct = gr.MultiArea(
        n_areas=4,
        area_connectivities=densities,
        input_areas=[0],
        readout_areas=[2, 3],
        dims=[2, n, 2],
        seed=0,
    )
    net = struct.compile()
    generator = torch.Generator().manual_seed(0)
    rnn = gr.CTRNN(net, bias=False, generator=generator, device="cpu")
    weights = [layer.weight.detach() for layer in rnn.layers]
    csr = [to_scipy(weight) for weight in weights]
    x = torch.randn(batch, time_steps, 2, generator=generator)
    y = torch.randn(batch, time_steps, 2, generator=generator)
    return Problem(net, *csr, x.to(device), y.to(device), torch.device(device))


def to_scipy(weight):
    """A coalesced sparse tensor as scipy's CSR."""
    from scipy.sparse import csr_array

    return csr_array((weight.values().numpy(), weight.indices().numpy()), shape=tuple(weight.shape))


# One builder per library: it returns a function that takes a training step and returns its loss.


def graphrnn(problem):
    """The project itself, through its public interface."""
    rnn = gr.CTRNN(problem.net, bias=False, device=problem.device)
    with torch.no_grad():
        for layer, weight in zip(rnn.layers, (problem.w_in, problem.w, problem.w_out), strict=True):
            layer.values.copy_(torch.from_numpy(weight.data))
    return torch_step(rnn.parameters(), lambda: rnn(problem.x)[0], problem.y)


def nn4n(problem):
    """The original: dense weights, masked before each forward pass in training."""
    from nn4n.model import CTRNN

    weights = (problem.w_in, problem.w, problem.w_out)
    masks = [(weight != 0).toarray().T.astype(np.float32) for weight in weights]  # (source, target) there
    dims = [2, problem.w.shape[0], 2]
    rnn = CTRNN(dims=dims, dt=10, tau=100, activation="relu", sparsity_masks=masks)
    for layer, weight in zip(rnn.layers, weights, strict=True):
        layer.set_weight(torch.from_numpy(weight.toarray()))
    rnn.to(problem.device)
    rnn.train()
    parameters = [p for p in rnn.parameters() if p.requires_grad]
    x, y = problem.x.transpose(0, 1).contiguous(), problem.y.transpose(0, 1).contiguous()
    return torch_step(parameters, lambda: rnn(x)[0], y)


def torch_step(parameters, forward, y, before_adam=None, capturable=False, optimizer_of=None):
    """A training step of anything that torch differentiates."""
    optimizer = torch.optim.Adam(parameters, lr=RATE, capturable=capturable)
    if optimizer_of is not None:
        optimizer_of(optimizer)

    def step():
        optimizer.zero_grad()
        loss = ((forward() - y) ** 2).mean()
        loss.backward()
        if before_adam is not None:
            before_adam()
        optimizer.step()
        return loss.detach()

    return step


def torch_loop(problem, values, prepare, product, before_adam=None, **options):
    """A plain loop over time, neurons first, so that `product(prepared, r)` is W @ r."""
    ends = [torch.tensor(w.toarray(), device=problem.device) for w in (problem.w_in, problem.w_out)]
    mask_in, mask_out = ((w != 0).float() for w in ends)
    w_in, w_out = (w.requires_grad_() for w in ends)
    x, y = (data.permute(1, 2, 0).contiguous() for data in (problem.x, problem.y))

    def forward():
        w = prepare()
        v = r = torch.zeros(problem.w.shape[0], x.shape[2], device=problem.device)
        rates = []
        for u in torch.matmul(w_in * mask_in, x):
            v = (1 - ALPHA) * v + ALPHA * (product(w, r) + u)
            r = torch.relu(v)
            rates.append(r)
        return torch.matmul(w_out * mask_out, torch.stack(rates))

    return torch_step([values, w_in, w_out], forward, y, before_adam, **options)


def dense(problem):
    """Dense torch: the weights times their mask."""
    w = torch.tensor(problem.w.toarray(), device=problem.device, requires_grad=True)
    mask = (w != 0).float()
    return torch_loop(problem, w, lambda: w * mask, torch.matmul)


def dense_tf32(problem):
    """Dense torch whose products are rounded to TF32, on a GPU."""
    step = dense(problem)

    def rounded():
        torch.backends.cuda.matmul.allow_tf32 = True
        try:
            return step()
        finally:
            torch.backends.cuda.matmul.allow_tf32 = False

    return rounded


def dense_graph(problem):
    """Dense torch with the whole training step, Adam included, as one CUDA graph: no launch from Python."""
    w = torch.tensor(problem.w.toarray(), device=problem.device, requires_grad=True)
    mask = (w != 0).float()
    made = []
    step = torch_loop(problem, w, lambda: w * mask, torch.matmul, capturable=True, optimizer_of=made.append)
    (optimizer,) = made
    leaves = [leaf for group in optimizer.param_groups for leaf in group["params"]]
    before = [leaf.detach().clone() for leaf in leaves]
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(3):  # which makes all that must not be made while recording
            step()
    torch.cuda.current_stream().wait_stream(stream)
    with torch.no_grad():
        for leaf, value in zip(leaves, before, strict=True):
            leaf.copy_(value)
            for moment in optimizer.state[leaf].values():
                moment.zero_()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        loss = step()

    def replay():
        graph.replay()
        return loss

    return replay


def torch_csr(problem):
    """Torch's own CSR tensors, by the one product whose gradient stays sparse."""
    values = torch.tensor(problem.w.data, device=problem.device, requires_grad=True)
    crow, col = (torch.tensor(a, device=problem.device).long() for a in (problem.w.indptr, problem.w.indices))
    made = []

    def prepare():  # a CSR tensor is no parameter that Adam takes
        w = torch.sparse_csr_tensor(crow, col, values.detach(), problem.w.shape, check_invariants=False)
        made[:] = [w.requires_grad_()]
        return w

    def hand_over():
        values.grad = made[0].grad.values()

    return torch_loop(problem, values, prepare, torch.sparse.mm, hand_over)


def torch_sparse(problem):
    """The package torch-sparse, with the indices of the transpose made once."""
    from torch_sparse import SparseTensor, matmul

    values = torch.tensor(problem.w.data, device=problem.device, requires_grad=True)
    rowptr, col = (
        torch.tensor(a, device=problem.device).long() for a in (problem.w.indptr, problem.w.indices)
    )
    pattern = SparseTensor(rowptr=rowptr, col=col, sparse_sizes=problem.w.shape).fill_cache_()
    return torch_loop(problem, values, lambda: pattern.set_value(values, layout="csr"), matmul)


def jax_step(problem, w, matrix):
    """The loop as a scan, compiled as a whole with the gradient and Adam; `matrix(w) @ r` is W @ r."""
    import jax
    import jax.numpy as jnp

    platform = "cpu" if problem.device.type == "cpu" else "gpu"
    place = jax.devices(platform)[0]
    x, y = (
        jax.device_put(a.permute(1, 2, 0).contiguous().cpu().numpy(), place) for a in (problem.x, problem.y)
    )

    ends = [problem.w_in.toarray(), problem.w_out.toarray()]
    mask_in, mask_out = (jnp.asarray(w != 0, jnp.float32) for w in ends)

    def loss(parameters):
        w, w_in, w_out = parameters[0], parameters[1] * mask_in, parameters[2] * mask_out
        product = matrix(w)

        def tick(v, u):
            v = (1 - ALPHA) * v + ALPHA * (product @ jax.nn.relu(v) + w_in @ u)
            return v, w_out @ jax.nn.relu(v)

        _, z = jax.lax.scan(tick, jnp.zeros((problem.w.shape[0], x.shape[2])), x)
        return ((z - y) ** 2).mean()

    @jax.jit
    def update(state):
        count, parameters, mean, square = state
        value, gradient = jax.value_and_grad(loss)(parameters)
        count = count + 1
        mean = jax.tree.map(lambda m, g: BETA1 * m + (1 - BETA1) * g, mean, gradient)
        square = jax.tree.map(lambda s, g: BETA2 * s + (1 - BETA2) * g * g, square, gradient)
        rate = RATE * jnp.sqrt(1 - BETA2**count) / (1 - BETA1**count)
        epsilon = EPSILON * jnp.sqrt(1 - BETA2**count)
        parameters = jax.tree.map(
            lambda p, m, s: p - rate * m / (jnp.sqrt(s) + epsilon), parameters, mean, square
        )
        return value, (count, parameters, mean, square)

    start = [jax.device_put(a, place) for a in (w, *ends)]
    state = [(0.0, start, *([jnp.zeros_like(a) for a in start] for _ in range(2)))]

    def step():
        value, state[0] = jax.block_until_ready(update(state[0]))
        return value

    return step


def jax_dense(problem):
    """Dense JAX: the weights times their mask."""
    import jax.numpy as jnp

    w = problem.w.toarray()
    mask = jnp.asarray(w != 0, jnp.float32)
    return jax_step(problem, w, lambda w: w * mask)


def jax_bcoo(problem):
    """JAX's own sparse format."""
    import jax.numpy as jnp
    from jax.experimental.sparse import BCOO

    w = problem.w.tocoo()
    pairs = jnp.stack([jnp.asarray(w.row), jnp.asarray(w.col)], axis=1)

    def matrix(values):
        return BCOO((values, pairs), shape=w.shape, indices_sorted=True, unique_indices=True)

    return jax_step(problem, w.data, matrix)


def brainevent(problem):
    """The CSR of brainevent, on JAX."""
    import brainevent as be
    import jax.numpy as jnp

    col, start = jnp.asarray(problem.w.indices), jnp.asarray(problem.w.indptr)
    return jax_step(
        problem, problem.w.data, lambda values: be.CSR((values, col, start), shape=problem.w.shape)
    )


def nothing(problem):
    """Torch alone: as many parameters, the loss and Adam, and a node of autograd that computes nothing."""
    leaves = [torch.zeros(w.nnz, requires_grad=True) for w in (problem.w_in, problem.w, problem.w_out)]

    class Node(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x, *leaves):
            ctx.save_for_backward(x, *leaves)
            return x.new_zeros(x.shape[0], problem.w_out.shape[0], x.shape[2])

        @staticmethod
        def backward(ctx, grad_output):
            _, *leaves = ctx.saved_tensors
            return None, *(torch.zeros_like(leaf) for leaf in leaves)

    def forward():
        return Node.apply(problem.x.permute(1, 2, 0).contiguous(), *leaves).permute(2, 0, 1)

    return torch_step(leaves, forward, problem.y)


LIBRARIES = {
    f.__name__: f
    for f in (
        graphrnn,
        nn4n,
        dense,
        dense_tf32,
        dense_graph,
        torch_csr,
        torch_sparse,
        jax_dense,
        jax_bcoo,
        brainevent,
    )
}
DISTRIBUTIONS = ("graphrnn", "torch", "nn4n", "torch-sparse", "jax", "brainevent", "numpy", "scipy")
NEEDS_A_SMALL_NETWORK = ("nn4n", "dense", "dense_tf32", "dense_graph", "jax_dense", "jax_bcoo", "brainevent")
NEEDS_A_GPU = ("dense_tf32", "dense_graph")
NO_LIBRARY = {"nothing": nothing}  # timed by name alone, and compared with nobody


def compare(case, names, rounds, device, turn=TURN):
    """Times one case; a library that is named must run, the others may be absent or out of reach."""
    problem = make_problem(case, device)
    n, synapses = problem.w.shape[0], problem.w.nnz
    steps, losses, left_out = {}, {}, {}
    for name in names or LIBRARIES:
        if not names and n > OUT_OF_REACH and name in NEEDS_A_SMALL_NETWORK:
            left_out[name] = "out of reach"
            continue
        if name in NEEDS_A_GPU and device == "cpu":
            left_out[name] = "needs a GPU"
            continue
        try:
            step = (LIBRARIES | NO_LIBRARY)[name](problem)
            losses[name] = [float(step()) for _ in range(2)]
            steps[name] = step
        except ModuleNotFoundError:
            left_out[name] = "not installed"
        except Exception as error:  # a peer that breaks is reported, not hidden
            left_out[name] = f"{type(error).__name__}: {str(error).splitlines()[0][:100]}"
    losses = {name: loss for name, loss in losses.items() if name not in NO_LIBRARY}
    for name, loss in losses.items():
        first = next(iter(losses.values()))
        assert np.allclose(loss, first, rtol=SAME_LOSS_ROUNDED if name == "dense_tf32" else SAME_LOSS), (
            f"{name} computes something else: {loss}, not {first}"
        )
    seconds = time_in_turns(steps, rounds=rounds, warmup=0, turn=turn, device=device)
    time_steps, batch = CASES[case][2:]
    return {
        "neurons": n,
        "synapses": int(synapses),
        "time_steps": time_steps,
        "batch": batch,
        "seconds": seconds,
        "left_out": left_out,
    }, problem.net


def line(case, found):
    """The result of a case as text, the fastest first."""
    medians = {name: statistics.median(seconds) for name, seconds in found["seconds"].items()}
    own = medians.get("graphrnn")
    cells = []
    for name, median in sorted(medians.items(), key=lambda item: item[1]):
        ratio = f" ({median / own:.1f}x)" if own and name != "graphrnn" else ""
        cells.append(f"{name} {1e3 * median:.1f} ms{ratio}")
    head = f"{case}: {found['neurons']:,} neurons, {found['synapses']:,} synapses"
    size = f"T = {found['time_steps']}, B = {found['batch']}"
    absent = "".join(f"\n  without {name}: {why}" for name, why in found["left_out"].items())
    return f"{head}, {size}\n  {', '.join(cells)}{absent}"


def versions():
    """The versions of what is installed."""
    found = {}
    for name in DISTRIBUTIONS:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def keep(path, report):
    """Adds cases to a file of results; all of them are from one machine and setting."""
    old = {"turn": TURN, **json.loads(path.read_text())} if path.exists() else report  # once the only one
    for name in ("machine", "versions", "threads", "rounds", "turn"):
        if old[name] != report[name]:
            raise SystemExit(f"{path} has results with other {name}: {old[name]}. Give another file.")
    report["cases"] = {**old["cases"], **report["cases"]}
    path.write_text(json.dumps(report, indent=1) + "\n")


def main():
    """Times the cases that were asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--case", nargs="+", default=["S"], choices=CASES, help="networks (default: S)")
    parser.add_argument(
        "--impl", nargs="+", choices=LIBRARIES | NO_LIBRARY, help="default: all libraries within reach"
    )
    parser.add_argument("--rounds", type=int, default=5, help="turns of each library (default: 5)")
    parser.add_argument("--threads", type=int, default=machine()["cores"], help="default: all cores")
    parser.add_argument(
        "--turn", type=float, default=TURN, help="seconds at least; 0 for one step, which finds cold caches"
    )
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    parser.add_argument(
        "--json", type=Path, help="add the results, and graphrnn's distance to the limit, there"
    )
    options = parser.parse_args()
    if options.device != "cpu" and not torch.cuda.is_available():
        parser.error(f"found no device {options.device!r}. Leave --device out to time on the CPU.")

    if hasattr(os, "sched_setaffinity"):  # for those that take all cores they see
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: options.threads])
    torch.set_num_threads(options.threads)
    report = {
        "machine": machine(options.device),
        "versions": versions(),
        "threads": options.threads,
        "rounds": options.rounds,
        "turn": options.turn,
        "cases": {},
    }
    report["machine"]["cores"] = os.cpu_count()
    for case in options.case:
        found, net = compare(case, options.impl, options.rounds, options.device, options.turn)
        print(line(case, found), flush=True)
        if options.json:
            size = {"time_steps": found["time_steps"], "batch": found["batch"]}
            own = benchmark(net, backends=["auto"], rounds=options.rounds, device=options.device, **size)
            found["benchmark"] = own.to_dict()
            report["cases"][case] = found
            keep(options.json, report)


if __name__ == "__main__":
    main()
