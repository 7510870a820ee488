// The gradient of the values: at synapse (i, j) the sum over time and batch of row i of one panel times
// row j of another. What is summed up for one synapse comes in a fixed order.
#pragma once
#include "product.hpp"
#include "threads.hpp"

namespace graphrnn::GRAPHRNN_ISA {

// Rows of numbers, `stride` apart.
template <class T>
struct Rows {
    const T* data;
    index stride;
    const T* operator[](index i) const { return data + i * stride; }
};

// Rows that begin anywhere.
template <class T>
struct RowsAt {
    const T* data;
    const index* offset;
    const T* operator[](index i) const { return data + offset[i]; }
};

template <class T, class Right = Rows<T>>
struct ValueGradient {
    using S = Simd<T, BYTES>;
    using vec = typename S::vec;
    static constexpr int LANES = S::LANES;

    const Pattern& pattern;
    T *rest_sums, *block_sums;        // (rest) and (block, GROUP), in the order of the pattern
    std::int32_t *row_at, *block_at;  // synapses and blocks dealt with: (row) and (group)
    Rows<T> left;                     // of the rows of the pattern
    Right right;                      // and of its columns
    index size;                       // numbers in a row, whole registers
    index columns;                    // of rows on the right that are looked at together
    bool outgrown;                    // whether those outgrow the cache

    // Sums of one row on the left with N on the right, 1 or 4, in four chains of additions. Rows of a Length that the
    // compiler knows keep the left one in registers.
    template <int Length, int N>
    static INLINE void dots(const T* g, const vec* kept, const T* const* r, index size, vec* sum) {
        constexpr int PARTS = 4 / N;
        vec part[PARTS][N] = {};
        if constexpr (Length > 0) {
#pragma GCC unroll 16
            for (int k = 0; k < Length; ++k)
#pragma GCC unroll 4
                for (int c = 0; c < N; ++c) part[k % PARTS][c] += kept[k] * S::load(r[c] + k * LANES);
        } else {
            index k = 0;
            for (; k + PARTS * LANES <= size; k += PARTS * LANES)
#pragma GCC unroll 4
                for (int p = 0; p < PARTS; ++p) {
                    const vec x = S::load(g + k + p * LANES);
#pragma GCC unroll 4
                    for (int c = 0; c < N; ++c) part[p][c] += x * S::load(r[c] + k + p * LANES);
                }
            for (; k < size; k += LANES) {
                const vec x = S::load(g + k);
#pragma GCC unroll 4
                for (int c = 0; c < N; ++c) part[0][c] += x * S::load(r[c] + k);
            }
        }
#pragma GCC unroll 4
        for (int c = 0; c < N; ++c) {
            sum[c] = part[0][c];
#pragma GCC unroll 4
            for (int p = 1; p < PARTS; ++p) sum[c] += part[p][c];
        }
    }

    // One row's synapses with columns below `end`; moves `cursor` behind them.
    template <int Length, bool Fetch>
    INLINE void rest(const T* g, index end, std::int32_t& cursor, std::int32_t last) const {
        const std::int32_t* col = pattern.rest_col;
        vec kept[Length > 0 ? Length : 1];
        if constexpr (Length > 0)
#pragma GCC unroll 16
            for (int k = 0; k < Length; ++k) kept[k] = S::load(g + k * LANES);
        index k = cursor;
        for (; k + 4 <= last && col[k + 3] < end; k += 4) {
            const T* const r[4] = {right[col[k]], right[col[k + 1]], right[col[k + 2]], right[col[k + 3]]};
            if constexpr (Fetch) {
                const index behind = pattern.rest_start[pattern.n_rows];
                for (int c = 4; c < 8; ++c) {
                    const T* next = right[col[k + c < behind ? k + c : k]];
                    for (index s = 0; s < size; s += LANES) __builtin_prefetch(next + s);
                }
            }
            vec sum[4];
            dots<Length, 4>(g, kept, r, size, sum);
            S::add_sums(sum[0], sum[1], sum[2], sum[3], rest_sums + k);
        }
        for (; k < last && col[k] < end; ++k) {
            const T* const r[1] = {right[col[k]]};
            vec sum[1];
            dots<Length, 1>(g, kept, r, size, sum);
            rest_sums[k] += S::sum(sum[0]);
        }
        cursor = std::int32_t(k);
    }

    // Two blocks of a group at once, as many rows at once as the registers hold.
    void blocks(index group, index end) const {
        constexpr int ROWS = ACCUMULATORS / 2 < GROUP ? ACCUMULATORS / 2 : GROUP;
        const index last = pattern.block_start[group + 1];
        index k = block_at[group];
        while (k < last && pattern.block_col[k] < end) {
            const bool pair = k + 1 < last && pattern.block_col[k + 1] < end;
            const T *a = right[pattern.block_col[k]], *b = pair ? right[pattern.block_col[k + 1]] : a;
            for (int from = 0; from < GROUP; from += ROWS) {
                const T* g = left[pattern.group_start[group] + from];
                vec sum[2][ROWS] = {};
                for (index s = 0; s < size; s += LANES) {
                    const vec x = S::load(a + s), y = S::load(b + s);
#pragma GCC unroll 8
                    for (int q = 0; q < ROWS; ++q) {
                        const vec d = S::held(S::load(g + q * left.stride + s));
                        sum[0][q] += d * x;
                        sum[1][q] += d * y;
                    }
                }
#pragma GCC unroll 2
                for (int side = 0; side < 2; ++side) {
                    if (side > int(pair)) break;
#pragma GCC unroll 2
                    for (int q = 0; q < ROWS; q += 4)
                        S::add_sums(sum[side][q], sum[side][q + 1], sum[side][q + 2], sum[side][q + 3],
                                    block_sums + (k + side) * GROUP + from + q);
                }
            }
            k += 1 + int(pair);
        }
        block_at[group] = std::int32_t(k);
    }

    // Adds to the synapses of the groups [first, last); less where the call is to end.
    template <int Length, bool Fetch>
    void add_rows(index first, index last, Control& control, int member) const {
        const std::int32_t* const start = pattern.group_start;
        for (index i = start[first]; i < start[last]; ++i) row_at[i] = pattern.rest_start[i];
        if (pattern.block_start)
            for (index group = first; group < last; ++group) block_at[group] = pattern.block_start[group];
        for (index end = columns; end - columns < pattern.n_cols; end += columns)
            for (index group = first; group < last; ++group) {
                if (group % 256 == 255 && control.stopped(member)) return;
                if (pattern.block_start) blocks(group, end);
                for (index i = start[group]; i < start[group + 1]; ++i) rest<Length, Fetch>(left[i], end, row_at[i], pattern.rest_start[i + 1]);
            }
    }
    void add(index first, index last, Control& control, int member) const {
        if (outgrown) return add_rows<0, true>(first, last, control, member);
        switch (size / LANES) {
            case 4: return add_rows<4, false>(first, last, control, member);
            case 8: return add_rows<8, false>(first, last, control, member);
            case 16: return add_rows<16, false>(first, last, control, member);
            default: return add_rows<0, false>(first, last, control, member);
        }
    }
};

}  // namespace graphrnn::GRAPHRNN_ISA
