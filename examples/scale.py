"""How the cost grows with the synapses: networks of 1e5 to 1e8 synapses, 100 per neuron, wired at random.

    python scale.py                                        # two small ones, in seconds
    python scale.py --synapses 1e5 1e6 1e7 1e8             # the series of docs/benchmarks.md, 10 GB

For each network: the forward pass of 5 steps with 16 trials, what part of the rate of a plain loop it keeps
that gathers the same rows of rates in the same run (`graphrnn.kernels.gather`), a training step with Adam,
and the most memory that the process has held so far.
"""

import argparse
import resource
import statistics
import sys

import torch

import graphrnn as gr
from graphrnn.kernels import GATHER_WIDTH, gather
from graphrnn.training import time_in_turns

TIME_STEPS, BATCH, PER_NEURON = 5, 16, 100


def network(synapses):
    """One area, each neuron of which listens to 100 others."""
    graph = gr.AreaGraph()
    graph.add_input("input", 2)
    graph.add_area("area", synapses // PER_NEURON)
    graph.add_readout("readout", 2)
    graph.project("input", "area", gr.FixedIndegree(1))
    graph.project("area", "area", gr.FixedIndegree(PER_NEURON))
    graph.project("area", "readout", gr.FixedIndegree(PER_NEURON))
    return graph.compile(seed=0)


def measure(synapses, rounds):
    """One line of the table."""
    rnn = gr.CTRNN(network(synapses), generator=torch.Generator().manual_seed(0))
    pattern, threads = rnn.hidden.pattern, torch.get_num_threads()
    values = rnn.hidden.weights.detach()
    rates, out = (torch.rand(pattern.shape[0], GATHER_WIDTH) for _ in range(2))
    x = torch.randn(BATCH, TIME_STEPS, 2)

    @torch.no_grad()
    def forward():
        rnn(x)

    def plain_loop():
        gather(values, pattern, rates, out=out, repeat=TIME_STEPS * BATCH // GATHER_WIDTH, threads=threads)

    optimizer = torch.optim.Adam(rnn.parameters(), lr=1e-4)

    def train():
        optimizer.zero_grad()
        rnn(x)[0].square().mean().backward()
        optimizer.step()

    # As many rounds as fill a second, because short calls vary more than long ones; the medians count.
    (once,) = time_in_turns({"forward": forward}, rounds=1)["forward"]
    rounds = max(rounds, min(1000, round(1 / once)))
    seconds = time_in_turns({"forward": forward, "gather": plain_loop}, rounds=rounds)
    seconds |= time_in_turns({"train": train}, rounds=max(rounds // 4, 1))
    took = {name: statistics.median(values) for name, values in seconds.items()}
    kept = statistics.median(g / f for g, f in zip(seconds["gather"], seconds["forward"], strict=True))
    return (
        f"{synapses:>13,} {pattern.shape[0]:>10,} {1e3 * took['forward']:>12.1f} {kept:>11.0%} "
        f"{took['train']:>10.3f} {peak():>7.2f}"
    )


def peak():
    """The most memory that this process has held, in GB."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e9


def main():
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--synapses", nargs="+", type=float, default=[1e5, 1e6])
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    print(
        f"{'synapses':>13} {'neurons':>10} {'forward, ms':>12} {'of gather':>11} {'train, s':>10} {'GB':>8}"
    )
    for synapses in options.synapses:
        print(measure(int(synapses), options.rounds), flush=True)


if __name__ == "__main__":
    main()
