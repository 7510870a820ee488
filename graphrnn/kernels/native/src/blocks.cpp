// Finds the columns that many rows of a group share, where dense arithmetic is the cheaper form.
#include <algorithm>
#include <cstdint>
#include <vector>

#include "api.hpp"
#include "library.hpp"

namespace {

using graphrnn::GROUP;
using graphrnn::Pattern;

// Whether two rows share half of the longer one's columns.
bool alike(const Pattern& p, std::int64_t i, std::int64_t j) {
    std::int64_t a = p.rest_start[i], b = p.rest_start[j], shared = 0;
    const std::int64_t a_end = p.rest_start[i + 1], b_end = p.rest_start[j + 1];
    const std::int64_t longer = a_end - a > b_end - b ? a_end - a : b_end - b;
    while (a < a_end && b < b_end) {
        if (2 * (shared + std::min(a_end - a, b_end - b)) < longer) return false;  // whatever is to come
        const std::int32_t x = p.rest_col[a], y = p.rest_col[b];
        shared += x == y, a += x <= y, b += y <= x;
    }
    return shared && 2 * shared >= longer;
}

// Calls f(group, column, sources) for each block, with -1 for a row without that synapse, and
// r(row, column, source) for each other synapse, both in order.
template <class F, class R>
void walk(const Pattern& p, int shared, F f, R r) {
    const std::int32_t *const start = p.rest_start, *const col = p.rest_col;
    std::vector<std::uint8_t> count(p.n_cols, 0);
    for (std::int64_t group = 0; group < p.n_groups; ++group) {
        const std::int64_t first = p.group_start[group], last = p.group_start[group + 1];
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
            f(group, next, sources);
        }
        for (std::int64_t i = first; i < last; ++i)
            for (std::int32_t k = start[i]; k < start[i + 1]; ++k)
                if (count[col[k]] < shared) r(i, col[k], k);
        for (std::int64_t k = start[first]; k < start[last]; ++k) count[col[k]] = 0;
    }
}

}  // namespace

// Each takes a pattern of plain compressed rows and returns a status.
extern "C" {

// Groups of GROUP rows, which begin anew where a stretch of at least as many rows that are alike begins or ends: areas.
EXPORT int graphrnn_group_rows(const Pattern* pattern, std::int32_t* group_start, std::int64_t* n_groups) {
    const Pattern& p = *pattern;
    std::int64_t groups = 0, stretch = 0, group = 0;
    bool was_long = false;
    const auto end_at = [&](std::int64_t row) {
        for (; group < row; group = std::min(group + GROUP, row)) group_start[groups++] = std::int32_t(group);
    };
    for (std::int64_t i = 1; i <= p.n_rows; ++i) {
        if (i < p.n_rows && alike(p, i - 1, i)) continue;
        const bool is_long = i - stretch >= GROUP;
        if (is_long || was_long) end_at(stretch);
        stretch = i, was_long = is_long;
    }
    end_at(p.n_rows);
    group_start[groups] = std::int32_t(p.n_rows);
    *n_groups = groups;
    return graphrnn::DONE;
}

EXPORT int graphrnn_count_blocks(const Pattern* pattern, int shared, std::int64_t* n_blocks, std::int64_t* n_rest) try {
    std::int64_t blocks = 0, rest = 0;
    walk(*pattern, shared, [&](auto, auto, auto) { ++blocks; }, [&](auto, auto, auto) { ++rest; });
    *n_blocks = blocks;
    *n_rest = rest;
    return graphrnn::DONE;
} catch (...) {
    return graphrnn::OUT_OF_MEMORY;
}

EXPORT int graphrnn_reach(const Pattern* pattern, std::int64_t* reach) try {
    const Pattern& p = *pattern;
    constexpr std::int64_t STRETCHES = 8;
    const std::int64_t stretches = p.n_rows < STRETCHES ? 1 : STRETCHES;
    std::vector<std::uint8_t> last(p.n_cols, 0);  // stretch that read a column last, from 1 on
    std::int64_t total = 0;
    for (std::int64_t s = 0; s < stretches; ++s)
        for (std::int64_t k = p.rest_start[p.n_rows * s / stretches]; k < p.rest_start[p.n_rows * (s + 1) / stretches]; ++k) {
            total += last[p.rest_col[k]] != s + 1;
            last[p.rest_col[k]] = std::uint8_t(s + 1);
        }
    *reach = total / stretches;
    return graphrnn::DONE;
} catch (...) {
    return graphrnn::OUT_OF_MEMORY;
}

EXPORT int graphrnn_find_blocks(const Pattern* pattern, int shared, std::int32_t* block_start, std::int32_t* block_col,
                                std::int32_t* block_source, std::int32_t* rest_start, std::int32_t* rest_col, std::int32_t* rest_source) try {
    const std::int64_t groups = pattern->n_groups, n_rows = pattern->n_rows;
    for (std::int64_t g = 0; g <= groups; ++g) block_start[g] = 0;
    for (std::int64_t i = 0; i <= n_rows; ++i) rest_start[i] = 0;
    std::int64_t block = 0, rest = 0;
    walk(
        *pattern, shared,
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
