"""A GPU whose memory runs out, played by backends that fail as CUDA does."""

import copy
import gc
import re
import weakref

import pytest
import torch
from kernel_cases import skip_where_missing

import graphrnn as gr
from graphrnn.kernels import BACKENDS, Matrix, Pattern, recurrence

SAID = (
    "CUDA out of memory. Tried to allocate 20.00 GiB. GPU 0 has a total capacity of 79.10 GiB of which 5.00 "
    "GiB is free."
)


def build(**options):
    net = gr.MultiArea(dims=[2, 40, 1]).compile(seed=0)
    return gr.CTRNN(net, backend="torch", generator=torch.Generator().manual_seed(0), **options)


def sequence(steps=50):
    return torch.randn(4, steps, 2, generator=torch.Generator().manual_seed(1))


@pytest.fixture
def fails(monkeypatch):
    """Lets a pass of the backend `torch` fail at a call, as if its GPU were full; holds what it had made."""

    def install(way, call=1):
        plain, calls, made = getattr(BACKENDS["torch"], way), [], []

        def full(*arguments, **named):
            calls.append(1)
            if len(calls) < call:
                return plain(*arguments, **named)
            workspace = torch.zeros(1000)
            made.append(weakref.ref(workspace))
            raise torch.OutOfMemoryError(SAID)

        monkeypatch.setattr(BACKENDS["torch"], way, full)
        return made

    return install


def message_of(run):
    with pytest.raises(torch.OutOfMemoryError) as error:
        run()
    return error


def said(way, ways_out, steps=50):
    return (
        f"`recurrence` needs more memory on cpu to go {way} through {steps} steps of 40 neurons and 4 trials "
        "on the backend `torch`; it got: CUDA out of memory. Tried to allocate 20.00 GiB. Take "
        f"{ways_out}; parameters, optimizer and state are as they were."
    )


OUT = "a smaller batch, shorter sequences or another backend"


@pytest.mark.parametrize(
    ("checkpoint", "steps", "ways_out"),
    [(None, 50, f"checkpoint=10, {OUT}"), (20, 50, f"checkpoint=10, {OUT}"), (10, 50, OUT), (None, 2, OUT)],
)
def test_one_sentence_with_the_ways_out(fails, checkpoint, steps, ways_out):
    fails("forward")
    error = message_of(lambda: build(checkpoint=checkpoint)(sequence(steps)))
    assert str(error.value) == said("forward", ways_out, steps)


def test_no_checkpoint_is_offered_where_delays_refuse_one(fails):
    graph = gr.AreaGraph()
    graph.add_area("area", 40)
    graph.add_input("x", 2)
    graph.project("x", "area")
    graph.project("area", "area", 0.2, delay=20.0)
    fails("forward")
    error = message_of(lambda: gr.CTRNN(graph, backend="torch", seed=0)(sequence()))
    assert str(error.value) == said("forward", OUT)


@pytest.mark.parametrize("checkpoint", [None, 20])
def test_nothing_has_changed_when_a_backward_pass_fails(fails, checkpoint, monkeypatch):
    expected = trained(build(checkpoint=checkpoint))
    rnn = build(checkpoint=checkpoint)
    optimizer = torch.optim.Adam(rnn.parameters())
    x = sequence()
    rnn(x)[0].square().mean().backward()
    optimizer.step()
    before, moments = copy.deepcopy((rnn.state_dict(), optimizer.state_dict()))
    _, _, state = rnn(x)
    kept = copy.deepcopy(tuple(tensor.detach() for tensor in (state.v, state.r)))
    made = fails("backward", call=1 if checkpoint is None else 2)
    loss = rnn(x)[0].square().mean()
    optimizer.zero_grad()
    error = message_of(loss.backward)
    ways_out = f"checkpoint=10, {OUT}"
    assert str(error.value) == said("back", ways_out)
    assert all(torch.equal(tensor, before[name]) for name, tensor in rnn.state_dict().items())
    assert str(optimizer.state_dict()) == str(moments)
    assert torch.equal(state.v, kept[0])
    assert torch.equal(state.r, kept[1])
    gc.collect()
    assert made[0]() is None, "the error keeps what the pass had made"
    monkeypatch.undo()  # there is room again
    optimizer.zero_grad()
    rnn(x)[0].square().mean().backward()
    optimizer.step()
    assert torch.equal(rnn.hidden.values, expected)


def trained(rnn):
    """The weights after two steps without a failure."""
    optimizer = torch.optim.Adam(rnn.parameters())
    for _ in range(2):
        optimizer.zero_grad()
        rnn(sequence())[0].square().mean().backward()
        optimizer.step()
    return rnn.hidden.values.detach()


@pytest.mark.parametrize("backend", ["native", "torch"])
def test_a_processor_whose_memory_does_not_suffice(backend):
    """More than any machine can address: torch refuses at once."""
    skip_where_missing(backend)
    pattern = Pattern.from_pairs([0], [1], (2, 2))
    one, start = Matrix(torch.ones(1), Pattern.from_pairs([0], [0], (2, 1))), torch.zeros(2, 1)
    x = torch.ones(1, 1, 1).expand(10**15, 1, 1)
    error = message_of(
        lambda: recurrence(
            torch.ones(1), pattern, None, torch.ones(2), start, start, input=one, x=x, backend=backend
        )
    )
    assert re.fullmatch(
        r"`recurrence` needs more memory on cpu to go forward through 1000000000000000 steps of 2 neurons "
        rf"and 1 trials on the backend `{backend}`; it got: (.*can't allocate memory: .*|no memory for "
        "8,000,000,000,000,000 bytes. )Take "
        "checkpoint=44721360, a smaller batch, shorter sequences or another backend; parameters, "
        "optimizer and state are as they were.",
        str(error.value),
    )


def test_a_compiled_library_that_finds_no_memory(monkeypatch):
    def full(*_, **__):
        raise MemoryError("the native backend of graphrnn found no memory for its workspace")

    monkeypatch.setattr(BACKENDS["torch"], "forward", full)
    with pytest.raises(MemoryError) as error:
        build()(sequence())
    assert str(error.value) == said("forward", f"checkpoint=10, {OUT}").replace(
        "CUDA out of memory. Tried to allocate 20.00 GiB",
        "the native backend of graphrnn found no memory for its workspace",
    )


def test_other_errors_are_left_alone(monkeypatch):
    def broken(*_):
        raise RuntimeError("something else")

    monkeypatch.setattr(BACKENDS["torch"], "forward", broken)
    with pytest.raises(RuntimeError, match=f"^{re.escape('something else')}$"):
        build()(sequence())


@pytest.mark.cuda
def test_a_gpu_that_is_really_full():
    rnn = build(checkpoint=None).to("cuda")
    before = copy.deepcopy(rnn.state_dict())
    free = torch.cuda.mem_get_info()[0]
    steps = 2 * free // (4 * 40 * 1000)
    x = torch.zeros(1, 1, 1, device="cuda").expand(1000, steps, 2)
    with pytest.raises(torch.OutOfMemoryError):
        rnn(x)
    assert all(torch.equal(tensor, before[name]) for name, tensor in rnn.state_dict().items())
    assert rnn(x[:2, :5])[0].shape == (2, 5, 1)
