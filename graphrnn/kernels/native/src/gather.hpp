// The yardstick of the benchmarks: a plain loop that gathers the rates a product needs.
#pragma once
#include <cstdint>

namespace graphrnn {

constexpr int GATHER_WIDTH = 16;  // rates in a row: one cache line of floats

// W r for 16 rates per neuron. `rates` begins at a cache line.
struct Gather {
    std::int64_t n_rows;
    const std::int32_t *start, *col;  // (row + 1), (synapse)
    const float *values, *rates;      // (synapse), (column, GATHER_WIDTH)
    float* out;                       // (row, GATHER_WIDTH)
};

// Rows `first` to `last`, once per instruction set.
namespace generic { void gather(const Gather&, std::int64_t first, std::int64_t last); }
namespace avx2 { void gather(const Gather&, std::int64_t first, std::int64_t last); }
namespace avx512 { void gather(const Gather&, std::int64_t first, std::int64_t last); }

}  // namespace graphrnn
