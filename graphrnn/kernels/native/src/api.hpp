// What Python hands over and what each instruction set offers.
#pragma once
#include <cstdint>

namespace graphrnn {

// A sparse matrix in groups of up to GROUP rows, the same for all matrices whose rows are the neurons. A column that
// many rows of a group share is a block: GROUP values side by side, zero where a row lacks the synapse. All other
// synapses are plain compressed rows. `block_source` and `rest_source` number the synapses; null means none moved.
// Synapses with delays read neurons of other steps, which have columns of their own: the k-th of these
// `late` columns is neuron late_row[k], late_steps[k] steps off. The neurons without delay have theirs from
// column `fresh` on, the late ones from column `late` on, of which one is 0.
constexpr int GROUP = 8;

// Counts the changes of what the functions of this library take and mean; the same number as in `library.py`.
constexpr int INTERFACE = 3;

struct Pattern {
    std::int64_t n_rows, n_cols, n_synapses, n_groups;
    const std::int32_t* group_start;                             // first row of each group (group + 1)
    const std::int32_t *block_start, *block_col, *block_source;  // (group + 1), (block), (block, GROUP)
    const std::int32_t *rest_start, *rest_col, *rest_source;     // (row + 1), (rest), (rest)
    const std::uint16_t* rest_narrow;                            // rest_col in half the bytes; null where there is none
    const std::int32_t *late_row, *late_steps;                   // (late column), both
    std::int64_t n_late, fresh, late;
    std::int64_t reach;  // columns that an eighth of the rows reads, on average: what is wanted in the cache at once
};

// One sparse matrix and its transpose.
struct Layer {
    Pattern matrix, transposed;
    const std::int32_t* permutation;  // of the values of the transposed matrix
};

// In which order of its axes, the innermost last, an array lies whose rows are those of the network's inputs or outputs.
enum Order : std::int32_t { TIME_ROW_TRIAL, TRIAL_TIME_ROW, TIME_TRIAL_ROW };

// What many calls have in common.
struct Setup {
    std::int64_t steps, neurons, batch;
    std::int32_t is_double, activation, threads;
    std::int32_t isa, tile_bytes, team, noisy;  // isa -1, tile_bytes 0: to be chosen here
    std::int32_t same_start;                    // whether all trials start alike, v0 being (neuron)
    std::int32_t order;                         // of x, the output and their gradients
    std::int64_t cache_bytes;  // of one core's own cache; 0 to ask the machine
    std::int64_t window;       // steps that the synapses read: the longest delay and one more
    Layer hidden, input, readout;
    // The interpreter's own functions, so that this library needs no Python headers and is one for
    // all versions: PyEval_SaveThread, PyEval_RestoreThread, PyErr_CheckSignals.
    void* (*release)();
    void (*acquire)(void*);
    int (*interrupted)();
};

// Everything is contiguous, and neuron-major with the batch innermost but for what `order` says. Null stands for
// "not there", and of r0 for f(v0). Under delays r0 and its gradient are (window, neuron, batch), the oldest step first; the late columns of the
// hidden matrix lie that many steps back, those of its transpose ahead.
struct Tensors {
    const void *values, *input_values, *readout_values, *x, *bias, *readout_bias, *drive, *alpha, *v0, *r0, *noise;
    void *rates, *states, *v_last, *output;  // outputs of forward; rates and states are inputs of backward
    const void *grad_rates, *grad_r_last, *grad_v_last, *grad_output;
    void *grad_values, *grad_input_values, *grad_readout_values;
    void *grad_x, *grad_bias, *grad_readout_bias, *grad_drive, *grad_alpha, *grad_v0, *grad_r0;
};

struct Call : Setup, Tensors {};

enum Activation : std::int32_t { RELU, TANH, SIGMOID, SOFTPLUS, RETANH, IDENTITY };
enum Status : std::int32_t { DONE = 0, OUT_OF_MEMORY = 1, INTERRUPTED = 2 };

class Control;

// One instruction set's kernels.
struct Kernels {
    Status (*forward)(const Call&, Control&);
    Status (*backward)(const Call&, Control&);
};

namespace generic { extern const Kernels kernels; }
namespace avx2 { extern const Kernels kernels; }
namespace avx512 { extern const Kernels kernels; }

}  // namespace graphrnn
