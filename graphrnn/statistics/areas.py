"""The table of areas: one row per area."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from graphrnn.connectome import Connectome
from graphrnn.statistics._reach import area_betweenness, path_columns
from graphrnn.statistics._sources import (
    balance_columns,
    participation_columns,
    share_columns,
    spread,
    strengths,
)
from graphrnn.statistics._tally import block_sums, check_connectome, per_area
from graphrnn.statistics._within import within_columns

if TYPE_CHECKING:
    import pandas

__all__ = ["areas"]


def areas(net: Connectome) -> pandas.DataFrame:
    """The connectivity of each area; one row per area, in their order, with the name as index.

    Synapses are hidden synapses, those from neuron to neuron, where nothing else is said. Means and standard
    deviations are over the neurons of the area, with n and not n - 1: these are all neurons. NaN stands where
    a column is 0 / 0 or a path does not exist, and in the columns of weights where a weight is not known.
    For a trained network pass `rnn.to_connectome()`.

    ============================  =====================================================================
    column                        meaning
    ============================  =====================================================================
    `neurons`                     number of neurons n
    `excitatory`                  neurons of sign +1
    `inhibitory`                  neurons of sign -1; the rest has no known sign
    `synapses_within`             synapses m from a neuron of the area to one of the area
    `self_connections`            those of the m from a neuron to itself
    `density_within`              m / possible, where possible is n², or n² - n where the within projection
                                  leaves self-connections out
    `reciprocity`                 of the synapses i → j within the area (i ≠ j), the fraction for which
                                  j → i exists too
    `reciprocity_chance`          its expectation in random wiring of the same number: that number over
                                  n (n - 1). With other areas: `area_matrix(net, "reciprocity")`
    `weight_reciprocity`          Σ min(|w_ij|, |w_ji|) / Σ |w_ij| over the same synapses
    `spectral_radius`             largest modulus of an eigenvalue of the block of ones within the area
    `weight_spectral_radius`      the same of the block of weights
    `in_degree_mean`              synapses onto a neuron, from its own and from other areas: mean
    `in_degree_sd`                their standard deviation
    `in_degree_cv`                sd / mean
    `in_degree_min`               the smallest
    `in_degree_max`               the largest
    `out_degree_mean`             the same for the synapses that leave a neuron
    `out_degree_sd`
    `out_degree_cv`
    `out_degree_min`
    `out_degree_max`
    `in_strength_mean`            the same for the sum of |w| over the synapses onto a neuron
    `in_strength_sd`
    `in_strength_cv`
    `in_strength_min`
    `in_strength_max`
    `out_strength_mean`           the same for the sum of |w| over the synapses that leave a neuron
    `out_strength_sd`
    `out_strength_cv`
    `out_strength_min`
    `out_strength_max`
    `convergence`                 synapses from other areas onto a neuron, mean
    `divergence`                  synapses from a neuron to other areas, mean
    `source_areas`                number of other areas that send it a synapse
    `target_areas`                number of other areas that it sends one to
    `without_input`               neurons onto which no synapse runs, neither from a neuron nor from an input
    `without_output`              neurons from which no synapse runs, neither to a neuron nor to a readout
    `unreached`                   neurons that no path reaches from any input, through any number of
                                  synapses; all, in a network without inputs
    `unread`                      neurons from which no path leads to any readout; all without readouts
    `silent`                      neurons that are one or both: on no way from an input to a readout, so
                                  that they cannot pass on anything, whatever the weights
    `projections_from_input`      fewest projections on a path from an input to the area, 1 for a direct one
    `synapses_from_input_min`     fewest synapses on a path from an input to a neuron: of the nearest neuron
    `synapses_from_input_mean`    mean over the neurons that are reached
    `projections_to_readout`      the same three for paths from the area to a readout
    `synapses_to_readout_min`
    `synapses_to_readout_mean`
    `reached`                     1 - unreached / n
    `read`                        1 - unread / n
    `share_forward`               of all synapses onto the area, those from inputs included, the fraction
                                  that is forward; the six shares add up to 1
    `share_backward`              the fraction that is backward
    `share_lateral`               the fraction that is lateral
    `share_within`                the fraction from the area itself
    `share_unclassified`          the fraction from other areas whose levels are not known
    `share_input`                 the fraction from inputs
    `asymmetry`                   (F - B) / (F + B) of the F forward and B backward synapses onto the area
    `weight_share_forward`        the same seven for the sums of |w| instead of numbers of synapses
    `weight_share_backward`
    `weight_share_lateral`
    `weight_share_within`
    `weight_share_unclassified`
    `weight_share_input`
    `weight_asymmetry`
    `excitatory_in_degree`        synapses from excitatory neurons onto a neuron, mean
    `inhibitory_in_degree`        synapses from inhibitory neurons onto a neuron, mean
    `ei_balance_mean`             (E - I) / (E + I) of the E excitatory and I inhibitory synapses onto a
                                  neuron: mean over the neurons that have any
    `ei_balance_sd`               standard deviation
    `excitatory_in_strength`      sum of the positive weights onto a neuron, mean
    `inhibitory_in_strength`      sum of the moduli of the negative ones, mean
    `weight_ei_balance_mean`      (E - I) / (E + I) of these two sums
    `weight_ei_balance_sd`
    `participation_in`            1 - Σ (k_a / k)² over areas a, for k synapses onto a neuron of which k_a
                                  come from a: mean over the neurons that have any. 0 where all come from
                                  one area
    `participation_out`           the same for the synapses that leave a neuron
    `weight_participation_in`     the same two for the sums of |w|
    `weight_participation_out`
    `betweenness`                 of the shortest paths in projections between two other areas, the fraction
                                  through this one, (Σ σ_st(v) / σ_st) / ((N - 1) (N - 2)) for N areas; 0
                                  for fewer than three
    `weight_betweenness`          the same where a projection is 1 / Σ |w| long
    ============================  =====================================================================

    All are exact but some spectral radii: of more than 400 neurons, with weights of both signs or where the
    power method takes long, they are good to about 1e-6, in rare cases 1e-3; of more than 2000 neurons with
    weights of both signs, to about 1e-2.

    Args:
        net: the network.

    Raises:
        TypeError: for anything but a Connectome.

    Example:
        >>> import graphrnn as gr
        >>> graph = gr.AreaGraph()
        >>> graph.add_area("V1", 30)
        >>> graph.add_area("V2", 20)
        >>> graph.project("V1", "V1", 0.2)
        >>> graph.project("V1", "V2", gr.FixedIndegree(5))
        >>> table = gr.statistics.areas(graph.compile(seed=0))
        >>> table.loc["V2", ["neurons", "in_degree_mean", "share_forward", "without_output"]].tolist()
        [20.0, 5.0, 1.0, 20.0]

    Source:
        Reciprocity: Newman, Forrest and Balthrop, Phys. Rev. E 66, 035101 (2002); of weights, Squartini et
        al., Sci. Rep. 3, 2729 (2013). Degrees, strengths and betweenness: Rubinov and Sporns, NeuroImage 52
        (2010). Participation: Guimerà and Amaral, Nature 433 (2005), with areas as modules.
    """
    import pandas as pd

    check_connectome("statistics.areas(net)", net)
    size = np.array([area.size for area in net.areas], np.int64)
    count = net.counts()
    paths = path_columns(net)
    in_degree, out_degree = net.hidden.in_degree, net.hidden.out_degree
    in_strength, out_strength = strengths(net)
    unheard = (in_degree + net.input.in_degree == 0).astype(np.int64)
    unsaid = (out_degree + net.readout.out_degree == 0).astype(np.int64)
    others = count - np.diag(np.diag(count))
    weighed = block_sums(net, np.abs(net.hidden.weight)) if net.hidden.weight is not None else None
    columns: dict[str, NDArray[Any]] = {
        "neurons": size,
        "excitatory": per_area(net, np.add, (net.sign > 0).astype(np.int64)),
        "inhibitory": per_area(net, np.add, (net.sign < 0).astype(np.int64)),
        **within_columns(net),
        **spread(net, "in_degree", in_degree),
        **spread(net, "out_degree", out_degree),
        **spread(net, "in_strength", in_strength),
        **spread(net, "out_strength", out_strength),
        "convergence": others.sum(axis=1) / size,
        "divergence": others.sum(axis=0) / size,
        "source_areas": (others > 0).sum(axis=1),
        "target_areas": (others > 0).sum(axis=0),
        "without_input": per_area(net, np.add, unheard),
        "without_output": per_area(net, np.add, unsaid),
        **paths,
        "reached": 1.0 - paths["unreached"] / size,
        "read": 1.0 - paths["unread"] / size,
        **share_columns(net),
        **balance_columns(net),
        **participation_columns(net),
        "betweenness": area_betweenness((count > 0).astype(float)),
        "weight_betweenness": np.full(len(size), np.nan) if weighed is None else area_betweenness(weighed),
    }
    return pd.DataFrame(columns, index=pd.Index([area.name for area in net.areas], name="area"))
