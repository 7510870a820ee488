// Finds the columns that many rows of a group share, where dense arithmetic is the cheaper form.
#include <cstdint>
#include <vector>

#include "api.hpp"
#include "library.hpp"

namespace {

using graphrnn::GROUP;

// Calls f(group, column, sources) for each block, with -1 for a row without that synapse, and
// r(row, column, source) for each other synapse, both in order.
template <class F, class R>
void walk(std::int64_t n_rows, std::int64_t n_cols, const std::int32_t* start, const std::int32_t* col, int shared, F f, R r) {
    std::vector<std::uint8_t> count(n_cols, 0);
    std::vector<std::int32_t> columns;
    for (std::int64_t first = 0; first < n_rows; first += GROUP) {
        const std::int64_t last = first + GROUP < n_rows ? first + GROUP : n_rows;
        columns.clear();
        for (std::int64_t k = start[first]; k < start[last]; ++k) ++count[col[k]];
        // Sorted rows meet their blocks in order: walk the eight rows side by side.
        std::int32_t at[GROUP];
        for (std::int64_t i = first; i < last; ++i) at[i - first] = start[i];
        bool any = false;
        for (std::int64_t k = start[first]; k < start[last] && !any; ++k) any = count[col[k]] >= shared;
        while (any) {
            std::int32_t next = INT32_MAX;
            for (std::int64_t i = first; i < last; ++i) {
                std::int32_t& k = at[i - first];
                while (k < start[i + 1] && count[col[k]] < shared) ++k;
                if (k < start[i + 1] && col[k] < next) next = col[k];
            }
            if (next == INT32_MAX) break;
            std::int32_t sources[GROUP];
            for (int q = 0; q < GROUP; ++q) {
                sources[q] = -1;
                if (first + q < last && at[q] < start[first + q + 1] && col[at[q]] == next) sources[q] = at[q]++;
            }
            f(first / GROUP, next, sources);
        }
        for (std::int64_t i = first; i < last; ++i)
            for (std::int32_t k = start[i]; k < start[i + 1]; ++k)
                if (count[col[k]] < shared) r(i, col[k], k);
        for (std::int64_t k = start[first]; k < start[last]; ++k) count[col[k]] = 0;
    }
}

}  // namespace

extern "C" {

EXPORT int graphrnn_count_blocks(std::int64_t n_rows, std::int64_t n_cols, const std::int32_t* start, const std::int32_t* col, int shared,
                                 std::int64_t* n_blocks, std::int64_t* n_rest) try {
    std::int64_t blocks = 0, rest = 0;
    walk(n_rows, n_cols, start, col, shared, [&](auto, auto, auto) { ++blocks; }, [&](auto, auto, auto) { ++rest; });
    *n_blocks = blocks;
    *n_rest = rest;
    return graphrnn::DONE;
} catch (...) {
    return graphrnn::OUT_OF_MEMORY;
}

EXPORT int graphrnn_reach(std::int64_t n_rows, std::int64_t n_cols, const std::int32_t* start, const std::int32_t* col,
                          std::int64_t* reach) try {
    constexpr std::int64_t STRETCHES = 8;
    const std::int64_t stretches = n_rows < STRETCHES ? 1 : STRETCHES;
    std::vector<std::uint8_t> last(n_cols, 0);  // stretch that read a column last, from 1 on
    std::int64_t total = 0;
    for (std::int64_t s = 0; s < stretches; ++s)
        for (std::int64_t k = start[n_rows * s / stretches]; k < start[n_rows * (s + 1) / stretches]; ++k) {
            total += last[col[k]] != s + 1;
            last[col[k]] = std::uint8_t(s + 1);
        }
    *reach = total / stretches;
    return graphrnn::DONE;
} catch (...) {
    return graphrnn::OUT_OF_MEMORY;
}

EXPORT int graphrnn_find_blocks(std::int64_t n_rows, std::int64_t n_cols, const std::int32_t* start, const std::int32_t* col, int shared,
                                std::int32_t* block_start, std::int32_t* block_col, std::int32_t* block_source, std::int32_t* rest_start,
                                std::int32_t* rest_col, std::int32_t* rest_source) try {
    const std::int64_t groups = (n_rows + GROUP - 1) / GROUP;
    for (std::int64_t g = 0; g <= groups; ++g) block_start[g] = 0;
    for (std::int64_t i = 0; i <= n_rows; ++i) rest_start[i] = 0;
    std::int64_t block = 0, rest = 0;
    walk(
        n_rows, n_cols, start, col, shared,
        [&](std::int64_t group, std::int32_t column, const std::int32_t* sources) {
            ++block_start[group + 1];
            block_col[block] = column;
            for (int q = 0; q < GROUP; ++q) block_source[block * GROUP + q] = sources[q];
            ++block;
        },
        [&](std::int64_t row, std::int32_t column, std::int32_t source) {
            ++rest_start[row + 1];
            rest_col[rest] = column;
            rest_source[rest++] = source;
        });
    for (std::int64_t g = 0; g < groups; ++g) block_start[g + 1] += block_start[g];
    for (std::int64_t i = 0; i < n_rows; ++i) rest_start[i + 1] += rest_start[i];
    return graphrnn::DONE;
} catch (...) {
    return graphrnn::OUT_OF_MEMORY;
}
}
