#include "gather.hpp"

#include "simd.hpp"

namespace graphrnn::GRAPHRNN_ISA {

// Nothing but the gather. Several sums at once, as far as the registers reach, or the loop would wait
// for its own additions instead of for the rates. Fetching ahead was tried and gained nothing.
void gather(const Gather& g, index first, index last) {
    using S = Simd<float, BYTES>;
    constexpr int V = GATHER_WIDTH / S::LANES, CHAINS = ACCUMULATORS / V < 4 ? ACCUMULATORS / V : 4;
    for (index i = first; i < last; ++i) {
        S::vec sum[CHAINS][V] = {};
        const auto add = [&](int c, index k) {
            const float* row = g.rates + index(g.col[k]) * GATHER_WIDTH;
#pragma GCC unroll 4
            for (int v = 0; v < V; ++v) sum[c][v] += g.values[k] * S::load(row + v * S::LANES);
        };
        index k = g.start[i];
        const index end = g.start[i + 1];
        for (; k + CHAINS <= end; k += CHAINS)
#pragma GCC unroll 4
            for (int c = 0; c < CHAINS; ++c) add(c, k + c);
        for (; k < end; ++k) add(0, k);
#pragma GCC unroll 4
        for (int v = 0; v < V; ++v) {
#pragma GCC unroll 4
            for (int c = 1; c < CHAINS; ++c) sum[0][v] += sum[c][v];
            S::store(g.out + i * GATHER_WIDTH + v * S::LANES, sum[0][v]);
        }
    }
}

}  // namespace graphrnn::GRAPHRNN_ISA
