// The gradient of the values: at synapse (i, j) the sum over time and batch of g_t[i] r_{t-1}[j].
// Second pass over the gradients and rates that are there anyway. Each thread owns rows, so nothing is
// summed across threads and the order of every sum is fixed.
#pragma once
#include "product.hpp"
#include "threads.hpp"

namespace graphrnn::GRAPHRNN_ISA {

// What is summed up at once: `length` registers of time and batch, of `columns` neurons' rates. They lie
// packed in a panel, in each core's own cache or, where the rates outgrow it, shared by all threads.
struct Extent {
    index length, columns;
    bool shared;
};

template <class T>
struct ValueGradient {
    using S = Simd<T, BYTES>;
    using vec = typename S::vec;
    static constexpr int LANES = S::LANES;
    static constexpr int LONGEST = 32;  // registers of time and batch that are summed up at once

    const Call& call;
    Control& control;
    const Pattern& pattern;
    const Extent extent;
    int member;
    T *panel, *rows;  // (columns, length) and (GROUP, length) registers
    std::int32_t *row_at, *block_at;  // synapses and blocks dealt with
    index slots_per_step = (call.batch + LANES - 1) / LANES;
    T* values = static_cast<T*>(call.grad_values);

    static index slots(const Call& call) { return (call.batch + LANES - 1) / LANES * call.steps; }

    // Long sums amortise their last step; short ones let more columns of rates into the cache, and the
    // gradients are read once per block of columns. The sum of both costs is least near `best`
    // (measured: a last step costs 1 ns, reading a line of gradients 2.5).
    static Extent fitting(const Call& call, double best, index panel_bytes, index fewest) {
        index longest = fewest;
        while (longest < LONGEST && double(longest * longest) < best) longest += 4;
        const index chunks = (slots(call) + longest - 1) / longest, length = (slots(call) + chunks - 1) / chunks;
        const index fit = panel_bytes / (length * BYTES), columns = fit < 256 ? 256 : fit;
        return {length, columns < call.neurons ? columns : call.neurons, false};
    }
    static Extent chosen_extent(const Call& call) {
        constexpr index FEWEST_SYNAPSES = 8, SHARED_BYTES = index(64) << 20;
        const index panel_bytes = call.cache_bytes / 8 * 5;
        const double synapses = double(call.forward.n_synapses), neurons = double(call.neurons);
        const Extent own = fitting(call, synapses / neurons / neurons * double(panel_bytes) / (2.5 * BYTES), panel_bytes, 4);
        // Too few synapses of a row in a panel: finding them would cost more than it saves.
        if (synapses * double(own.columns) >= FEWEST_SYNAPSES * neurons * neurons || own.columns == call.neurons) return own;
        const index fit = SHARED_BYTES / (call.neurons * BYTES), longest = fit < 1 ? 1 : fit < LONGEST ? fit : LONGEST;
        const index chunks = (slots(call) + longest - 1) / longest;
        return {(slots(call) + chunks - 1) / chunks, call.neurons, true};
    }

    // A slot is one register of the batch at one step. Calls f(number, step, first lane) for n of them.
    template <class F>
    INLINE void each_slot(index from, index n, F f) const {
        index t = from / slots_per_step, lane = from % slots_per_step * LANES;
        for (index k = 0; k < n; ++k) {
            f(k, t, lane);
            lane += LANES;
            if (lane >= call.batch) lane = 0, ++t;
        }
    }

    // Rows `row` to `end` of slots [from, from + n), each row side by side. `first` stands before the
    // steps of the sequence where there is one, and moves it on by a step.
    void pack(const T* first, const T* sequence, index from, index n, index row, index end, T* to) const {
        each_slot(from, n, [&](index k, index t, index lane) {
            const T* step = !first ? sequence + t * call.neurons * call.batch
                            : t    ? sequence + (t - 1) * call.neurons * call.batch
                                   : first;
            const index left = call.batch - lane;
            const int lanes = left < LANES ? int(left) : LANES;
            for (index i = row; i < end; ++i) S::store(to + ((i - row) * n + k) * LANES, S::load(step + i * call.batch + lane, lanes));
        });
    }

    // Brings rows of a sequence closer while the rows before them are worked on.
    void fetch(const T* sequence, index from, index n, index row, index end) const {
        each_slot(from, n, [&](index, index t, index lane) {
            for (index i = row; i < end; ++i) __builtin_prefetch(sequence + (t * call.neurons + i) * call.batch + lane, 0, 2);
        });
    }

    template <int Rows>
    static INLINE void dots(const T* g, const T* const* r, index n, T* out) {
        vec sum[4] = {};
        if constexpr (Rows == 4) {
            for (index k = 0; k < n; ++k) {
                const vec x = S::load(g + k * LANES);
#pragma GCC unroll 4
                for (int c = 0; c < 4; ++c) sum[c] += x * S::load(r[c] + k * LANES);
            }
            S::sum4(sum[0], sum[1], sum[2], sum[3], out);
        } else {
            index k = 0;
            for (; k + 4 <= n; k += 4)
#pragma GCC unroll 4
                for (int c = 0; c < 4; ++c) sum[c] += S::load(g + (k + c) * LANES) * S::load(r[0] + (k + c) * LANES);
            for (; k < n; ++k) sum[0] += S::load(g + k * LANES) * S::load(r[0] + k * LANES);
            out[0] = S::sum((sum[0] + sum[1]) + (sum[2] + sum[3]));
        }
    }

    // One row's synapses with the columns in the panel; moves `cursor` behind them.
    template <bool Fetch>
    void rest(const T* g, index column, index end, index n, std::int32_t& cursor, std::int32_t last) const {
        const index size = n * LANES;
        const std::int32_t* col = pattern.rest_col;
        const auto target = [&](index k) -> T& { return values[pattern.rest_source ? pattern.rest_source[k] : k]; };
        index k = cursor;
        T out[4];
        while (k + 4 <= last && col[k + 3] < end) {
            const T* r[4];
            for (int c = 0; c < 4; ++c) {
                r[c] = panel + (col[k + c] - column) * size;
                if constexpr (Fetch) {
                    const index ahead = k + 4 + c < pattern.rest_start[pattern.n_rows] ? k + 4 + c : k;
                    const T* next = panel + (col[ahead] - column) * size;
                    for (index s = 0; s < size; s += LANES) __builtin_prefetch(next + s);
                }
            }
            dots<4>(g, r, n, out);
            for (int c = 0; c < 4; ++c) target(k + c) += out[c];
            k += 4;
        }
        for (; k < last && col[k] < end; ++k) {
            const T* r = panel + (col[k] - column) * size;
            dots<1>(g, &r, n, out);
            target(k) += out[0];
        }
        cursor = std::int32_t(k);
    }

    // Two blocks of a group at once, as many rows at once as the registers hold.
    void blocks(const T* g, index column, index end, index n, std::int32_t& cursor, std::int32_t last) const {
        constexpr int ROWS = ACCUMULATORS / 2 < GROUP ? ACCUMULATORS / 2 : GROUP;
        const index size = n * LANES;
        index k = cursor;
        while (k < last && pattern.block_col[k] < end) {
            const bool pair = k + 1 < last && pattern.block_col[k + 1] < end;
            const T* left = panel + (pattern.block_col[k] - column) * size;
            const T* right = pair ? panel + (pattern.block_col[k + 1] - column) * size : left;
            T out[2][GROUP];
            for (int from = 0; from < GROUP; from += ROWS) {
                vec sum[2][ROWS] = {};
                for (index s = 0; s < size; s += LANES) {
                    const vec a = S::load(left + s), b = S::load(right + s);
#pragma GCC unroll 8
                    for (int q = 0; q < ROWS; ++q) {
                        const vec x = S::load(g + (from + q) * size + s);
                        sum[0][q] += x * a;
                        sum[1][q] += x * b;
                    }
                }
#pragma GCC unroll 2
                for (int side = 0; side < 2; ++side)
#pragma GCC unroll 2
                    for (int q = 0; q < ROWS; q += 4)
                        S::sum4(sum[side][q], sum[side][q + 1], sum[side][q + 2], sum[side][q + 3], &out[side][from + q]);
            }
            for (int side = 0; side <= int(pair); ++side)
                for (int q = 0; q < GROUP; ++q) {
                    const std::int32_t source = pattern.block_source[(k + side) * GROUP + q];
                    if (source >= 0) values[source] += out[side][q];
                }
            k += 1 + int(pair);
        }
        cursor = std::int32_t(k);
    }

    // Packs the rates one step before slots `from` and following into a panel that starts at `column`.
    void fill(index from, index first, index last, index column) const {
        const T *r0 = static_cast<const T*>(call.r0), *rates = static_cast<const T*>(call.rates);
        const index left = slots(call) - from, n = extent.length < left ? extent.length : left;
        for (index i = first; i < last; i += GROUP) {
            const index end = i + GROUP < last ? i + GROUP : last;
            if (from >= slots_per_step) fetch(rates, from - slots_per_step, n, end, end + GROUP < last ? end + GROUP : last);
            pack(r0, rates, from, n, i, end, panel + (i - column) * n * LANES);
        }
    }

    // All synapses of the groups [first, last) over the slots [from, until).
    void run(index first, index last, index from, index until) const {
        const T* grad_drive = static_cast<const T*>(call.grad_drive);
        const index end_row = last * GROUP < pattern.n_rows ? last * GROUP : pattern.n_rows;
        if (until > slots(call)) until = slots(call);
        for (; from < until; from += extent.length) {
            const index n = extent.length < until - from ? extent.length : until - from;
            for (index i = first * GROUP; i < end_row; ++i) row_at[i] = pattern.rest_start[i];
            if (pattern.block_start)
                for (index group = first; group < last; ++group) block_at[group] = pattern.block_start[group];
            for (index column = 0; column < pattern.n_cols; column += extent.columns) {
                const index end = column + extent.columns < pattern.n_cols ? column + extent.columns : pattern.n_cols;
                if (!extent.shared) fill(from, column, end, column);
                for (index group = first; group < last; ++group) {
                    if (group % 256 == 0 && control.stopped(member)) return;
                    const index row = group * GROUP, stop = row + GROUP < end_row ? row + GROUP : end_row;
                    pack(nullptr, grad_drive, from, n, row, stop, rows);
                    if (stop < end_row) {
                        const index next = stop + GROUP < end_row ? stop + GROUP : end_row;
                        fetch(grad_drive, from, n, stop, next);
                        for (index i = stop; i < next; ++i) {
                            __builtin_prefetch(pattern.rest_col + row_at[i]);
                            if (!pattern.rest_source) __builtin_prefetch(values + row_at[i], 1);
                        }
                    }
                    if (pattern.block_start) blocks(rows, column, end, n, block_at[group], pattern.block_start[group + 1]);
                    for (index i = row; i < stop; ++i) {
                        const T* g = rows + (i - row) * n * LANES;
                        if (extent.shared)
                            rest<true>(g, column, end, n, row_at[i], pattern.rest_start[i + 1]);
                        else
                            rest<false>(g, column, end, n, row_at[i], pattern.rest_start[i + 1]);
                    }
                }
            }
        }
    }
};

}  // namespace graphrnn::GRAPHRNN_ISA
