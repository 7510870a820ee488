// Rows of W r for a tile of the batch, eight rows at a time.
#pragma once
#include "api.hpp"
#include "simd.hpp"

namespace graphrnn::GRAPHRNN_ISA {

// A matrix with its values in the order in which the product reads them.
template <class T>
struct Matrix {
    index n_groups, n_rest;
    const std::int32_t* group_start;
    const std::int32_t *block_start, *block_col;
    const T* block_values;  // (block, GROUP)
    const std::int32_t *rest_start, *rest_col;
    const std::uint16_t* rest_narrow;  // `rest_col` where two bytes hold it, or null
    const T* rest_values;

    bool empty() const { return n_rest == 0 && !block_start; }
    index first_row(index group) const { return group_start[group]; }
    int rows(index group) const { return group_start[group + 1] - group_start[group]; }
    index work(index group) const {  // what a group costs, roughly
        const index first = first_row(group), last = first_row(group + 1);
        const index blocks = block_start ? block_start[group + 1] - block_start[group] : 0;
        return rest_start[last] - rest_start[first] + 3 * blocks + 2 * GROUP;
    }
};

// A tile: V registers of the batch side by side, N rows of them packed, so that a row of rates is
// whole cache lines and the rates of a tile stay in the cache of one core.
template <class T, int Bytes, int V_>
struct Tile {
    using S = Simd<T, Bytes>;
    using scalar = T;
    using vec = typename S::vec;
    static constexpr int V = V_, LANES = S::LANES, WIDTH = V * LANES;
    static constexpr int CHAINS = V >= 2 ? 2 : 4;         // sums at once, to hide the latency of additions
    static constexpr int SHORT = 16;                      // synapses from which on a row is worth several: they start and join
    static constexpr int STEP = S::QUAD > CHAINS ? S::QUAD : CHAINS;  // synapses at once
    static constexpr int AHEAD = 64, STREAM = 512;  // synapses, see `fetch`

    template <class Weight>
    static INLINE void add(vec* sum, Weight weight, const T* row) {
#pragma GCC unroll 4
        for (int v = 0; v < V; ++v) sum[v] += weight * S::load(row + v * LANES);
    }
    // As many synapses as one register has weights of, in turns to some sums.
    template <int Chains, class Col, int... Of>
    static INLINE void add_quad(vec (*sum)[V], const T* w, const Col* col, const T* r, std::integer_sequence<int, Of...>) {
        const vec weights = S::repeat(w);
        static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the first of several columns is in the lowest bits");
        constexpr int PER_WORD = 8 / sizeof(Col), BITS = 8 * sizeof(Col);
        std::uint64_t words[(sizeof...(Of) + PER_WORD - 1) / PER_WORD] = {};  // of columns, the first in the lowest bits
        std::memcpy(words, col, sizeof...(Of) * sizeof(Col));
        (add(sum[Of % Chains], S::template pick<Of>(weights), r + index(std::make_unsigned_t<Col>(words[Of / PER_WORD] >> Of % PER_WORD * BITS)) * WIDTH), ...);
    }

    // Where the rates outgrow the cache: fetches those of the synapses to come, and the synapses beyond
    // them, since so many gathers keep the machine's own prefetching from following those.
    template <class Col>
    static INLINE void fetch(const Matrix<T>& m, const Col* col, index k, const T* r) {
        __builtin_prefetch(m.rest_values + k + STREAM);
        __builtin_prefetch(col + k + STREAM);
#pragma GCC unroll 4
        for (int c = 0; c < STEP; ++c) {
            const index ahead = k + c + AHEAD < m.n_rest ? k + c + AHEAD : m.n_rest - 1;
            const char* row = reinterpret_cast<const char*>(r + index(col[ahead]) * WIDTH);
#pragma GCC unroll 4
            for (int line = 0; line < WIDTH * int(sizeof(T)); line += 64) __builtin_prefetch(row + line);
        }
    }

    // One compressed row.
    template <bool Fetch, class Col>
    static INLINE void row(const Matrix<T>& m, const Col* col, index i, const T* r, vec* out) {
        const T* w = m.rest_values;
        const std::make_integer_sequence<int, S::QUAD> quad;
        index k = m.rest_start[i];
        const index end = m.rest_start[i + 1];
        if (k + (Fetch ? STEP : SHORT) <= end) {
            vec sum[CHAINS][V] = {};
            for (; k + STEP <= end; k += STEP) {
                if constexpr (Fetch) fetch(m, col, k, r);
#pragma GCC unroll 4
                for (int c = 0; c < STEP; c += S::QUAD) add_quad<CHAINS>(sum + c % CHAINS, w + k + c, col + k + c, r, quad);
            }
#pragma GCC unroll 4
            for (int v = 0; v < V; ++v) {
#pragma GCC unroll 4
                for (int c = 0; c < CHAINS; ++c) out[v] += sum[c][v];
            }
        }
        for (; k < end; ++k) add(out, w[k], r + index(col[k]) * WIDTH);
    }

    // The blocks of a group, as many rows at once as the registers hold, added to `out` or put there.
    template <bool Add>
    static INLINE void blocks(const Matrix<T>& m, index group, const T* r, vec (*out)[V]) {
        constexpr int ROWS = ACCUMULATORS / V >= GROUP ? GROUP : ACCUMULATORS / V;
        const index first = m.block_start ? m.block_start[group] : 0, last = m.block_start ? m.block_start[group + 1] : 0;
        if (Add && first == last) return;
#pragma GCC unroll 8
        for (int from = 0; from < GROUP; from += ROWS) {
            vec sum[ROWS][V] = {};
#pragma GCC unroll 8
            for (int q = 0; q < ROWS; ++q)
#pragma GCC unroll 4
                for (int v = 0; v < V; ++v)
                    if constexpr (Add) sum[q][v] = out[from + q][v];
            for (index k = first; k < last; ++k) {
                const T* w = m.block_values + k * GROUP + from;
                const T* rates = r + index(m.block_col[k]) * WIDTH;
                vec x[V];
#pragma GCC unroll 4
                for (int v = 0; v < V; ++v) x[v] = S::load(rates + v * LANES);
#pragma GCC unroll 8
                for (int q = 0; q < ROWS; ++q)
#pragma GCC unroll 4
                    for (int v = 0; v < V; ++v) sum[q][v] += w[q] * x[v];
            }
#pragma GCC unroll 8
            for (int q = 0; q < ROWS; ++q)
#pragma GCC unroll 4
                for (int v = 0; v < V; ++v) out[from + q][v] = sum[q][v];
        }
    }

    // The rows of a group of W r, added to `out` or put there.
    template <bool Add>
    static INLINE void product(const Matrix<T>& m, index group, bool outgrown, const T* r, vec (*out)[V]) {
        if (Add && m.empty()) return;
        blocks<Add>(m, group, r, out);
        if (!m.rest_start) return;
        const index first = m.first_row(group);
        const int rows = m.rows(group);
        if (m.rest_start[first] == m.rest_start[first + rows]) return;
        const auto add_rows = [&](const auto* col) INLINE_LAMBDA {
            if (outgrown)
                for (int q = 0; q < rows; ++q) row<true>(m, col, first + q, r, out[q]);
            else
                for (int q = 0; q < rows; ++q) row<false>(m, col, first + q, r, out[q]);
        };
        m.rest_narrow ? add_rows(m.rest_narrow) : add_rows(m.rest_col);
    }

    // A row of a tile of that width, zeros behind it, from numbers or to numbers that lie `apart`.
    static INLINE void load(const T* from, index width, vec* to, index apart = 1) {
        if (width >= WIDTH && apart == 1) {
#pragma GCC unroll 4
            for (int v = 0; v < V; ++v) to[v] = S::load(from + v * LANES);
        } else if (width >= WIDTH && apart == 0) {  // one number for all
#pragma GCC unroll 4
            for (int v = 0; v < V; ++v) to[v] = S::fill(*from);
        } else {
            for (int v = 0; v < V; ++v) to[v] = S::load(from + v * LANES * apart, lanes(width, v), apart);
        }
    }
    static INLINE void stream(T* to, const vec* from) {
#pragma GCC unroll 4
        for (int v = 0; v < V; ++v) S::stream(to + v * LANES, from[v]);
    }
    static INLINE void store(T* to, index width, const vec* from, index apart = 1) {
        if (width >= WIDTH && apart == 1) {
#pragma GCC unroll 4
            for (int v = 0; v < V; ++v) S::store(to + v * LANES, from[v]);
        } else {
            for (int v = 0; v < V; ++v) S::store(to + v * LANES * apart, from[v], lanes(width, v), apart);
        }
    }

   private:
    static INLINE int lanes(index width, int v) {  // of register v, in a row of that width
        const index n = width - v * LANES;
        return n <= 0 ? 0 : n < LANES ? int(n) : LANES;
    }
};

}  // namespace graphrnn::GRAPHRNN_ISA
