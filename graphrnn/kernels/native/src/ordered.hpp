// The values of a matrix in the order of its pattern.
#pragma once
#include "gradients.hpp"

namespace graphrnn::GRAPHRNN_ISA {

// Copies them only where they have to move.
template <class T>
struct Ordered {
    Matrix<T> matrix;
    Buffer blocks, rest;

    Ordered(const Call& call, Control& control, const Layer& layer, const void* all, bool transposed) {
        const Pattern& p = transposed ? layer.transposed : layer.matrix;
        const std::int32_t* permutation = transposed ? layer.permutation : nullptr;
        const index n_blocks = p.block_start ? p.block_start[p.n_groups] : 0, n_rest = p.rest_start ? p.rest_start[p.n_rows] : 0;
        const T* values = static_cast<const T*>(all);
        const auto value = [=](index k) { return values[permutation ? permutation[k] : k]; };
        const bool moved = n_rest && (permutation || p.rest_source);
        if (n_blocks) blocks = Buffer(n_blocks * GROUP * sizeof(T));
        if (moved) rest = Buffer(n_rest * sizeof(T));
        T *to_blocks = blocks.as<T>(), *to_rest = rest.as<T>();
        auto body = [&](int member, int size) {
            for (index k = n_blocks * GROUP * member / size; k < n_blocks * GROUP * (member + 1) / size; ++k)
                to_blocks[k] = p.block_source[k] < 0 ? T(0) : value(p.block_source[k]);
            if (moved)
                for (index k = n_rest * member / size, end = n_rest * (member + 1) / size; k < end; ++k) {
                    if (k + 64 < end && permutation)
                        __builtin_prefetch(values + permutation[p.rest_source ? p.rest_source[k + 64] : k + 64]);
                    to_rest[k] = value(p.rest_source ? p.rest_source[k] : k);
                }
        };
        on_threads(control, p.n_synapses < 50000 ? 1 : call.threads, body);
        matrix = Matrix<T>{p.n_groups, n_rest, p.group_start, n_blocks ? p.block_start : nullptr, p.block_col, to_blocks,
                           p.rest_start, p.rest_col, p.rest_narrow, moved ? to_rest : values};
    }
};

}  // namespace graphrnn::GRAPHRNN_ISA
