// Forward and backward of one instruction set; compiled once for each.
#include <new>

#include "schedule.hpp"
#include "sequence.hpp"
#include "values.hpp"

namespace graphrnn::GRAPHRNN_ISA {
namespace {

index aligned(index bytes) { return (bytes + 127) / 64 * 64; }

// A lambda on all threads of the call.
template <class Body>
void on_threads(Control& control, int threads, Body& body) {
    control.parallel(threads, [](void* data, int member, int size) { (*static_cast<Body*>(data))(member, size); }, &body);
}

// The matrix with its values in the order of a pattern; copies them only where they have to move.
template <class T>
struct Ordered {
    Matrix<T> matrix;
    Buffer blocks, rest;

    Ordered(const Call& call, Control& control, const Pattern& p, const std::int32_t* permutation) {
        const index groups = (p.n_rows + GROUP - 1) / GROUP;
        const index n_blocks = p.block_start ? p.block_start[groups] : 0, n_rest = p.rest_start[p.n_rows];
        const T* values = static_cast<const T*>(call.values);
        const auto value = [=](index k) { return values[permutation ? permutation[k] : k]; };
        const bool moved = permutation || p.rest_source;
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
        matrix = Matrix<T>{p.n_rows,     groups,     n_rest, n_blocks ? p.block_start : nullptr, p.block_col, to_blocks,
                           p.rest_start, p.rest_col, moved ? to_rest : values};
    }
};

template <class Tile, bool Backward>
void run_tiles(const Call& call, Control& control, const Matrix<typename Tile::scalar>& m, const Schedule& plan) {
    using T = typename Tile::scalar;
    const index tile_bytes = aligned(m.n_rows * Tile::WIDTH * sizeof(T));
    const bool sums_alpha = Backward && call.grad_alpha;
    // Threads without a team use one workspace for all their tiles; sums of alpha outlive a tile.
    const index workspaces = plan.threads < plan.tiles ? plan.threads : plan.tiles;
    Buffer memory(workspaces * 3 * tile_bytes), alpha(sums_alpha ? plan.tiles * tile_bytes : 0);
    Buffer barriers(plan.tiles * sizeof(Barrier));
    for (index tile = 0; tile < plan.tiles; ++tile) (new (barriers.as<Barrier>() + tile) Barrier)->expect(plan.team);
    const bool outgrown = m.n_rows * index(Tile::WIDTH * sizeof(T)) > call.cache_bytes;

    auto body = [&](int member, int size) {
        const bool team = plan.team > 1 && size == plan.threads;
        const int part = team ? member % plan.team : 0, workspace = team ? member / plan.team : member;
        if (workspace >= workspaces) return;
        index first = 0, last = m.n_groups;
        if (team) divide(m.n_groups, part, plan.team, [&](index g) { return m.work(g); }, first, last);
        for (index tile = workspace; tile < plan.tiles && !control.stopped(member); tile += team ? plan.tiles : size) {
            char* at = memory.as<char>() + workspace * 3 * tile_bytes;
            const index start = tile * Tile::WIDTH, left = call.batch - start;
            const Share<T> share{start,
                                 left < Tile::WIDTH ? left : Tile::WIDTH,
                                 first,
                                 last,
                                 reinterpret_cast<T*>(at),
                                 reinterpret_cast<T*>(at + tile_bytes),
                                 reinterpret_cast<T*>(at + 2 * tile_bytes),
                                 sums_alpha ? reinterpret_cast<T*>(alpha.as<char>() + tile * tile_bytes) : nullptr,
                                 team ? barriers.as<Barrier>() + tile : nullptr,
                                 member,
                                 outgrown};
            if constexpr (Backward)
                Sequence<Tile>::backward(call, control, m, share);
            else
                Sequence<Tile>::forward(call, control, m, share);
        }
    };
    on_threads(control, plan.threads, body);
    if (sums_alpha) {
        T* grad_alpha = static_cast<T*>(call.grad_alpha);
        for (index i = 0; i < m.n_rows; ++i) {
            T total = 0;
            for (index tile = 0; tile < plan.tiles; ++tile)
                total += reinterpret_cast<const T*>(alpha.as<char>() + tile * tile_bytes)[i * Tile::WIDTH];
            grad_alpha[i] = total / static_cast<const T*>(call.alpha)[i];
        }
    }
}

template <class T, bool Backward, int Bytes = WIDEST>
void run_tiles_of(int bytes, const Call& call, Control& control, const Matrix<T>& m, const Schedule& plan) {
    constexpr int REGISTER = Bytes < BYTES ? Bytes : BYTES;
    if (bytes == Bytes)
        run_tiles<Tile<T, REGISTER, Bytes / REGISTER>, Backward>(call, control, m, plan);
    else if constexpr (Bytes > NARROWEST)
        run_tiles_of<T, Backward, Bytes / 2>(bytes, call, control, m, plan);
}

template <class T, bool Backward>
void run_sequence(const Call& call, Control& control, const Pattern& pattern, const std::int32_t* permutation) {
    const Ordered<T> ordered(call, control, pattern, permutation);
    const Matrix<T>& m = ordered.matrix;
    double work = 0;
    for (index g = 0; g < m.n_groups; ++g) work += double(m.work(g));
    const Schedule plan = schedule(call, call.batch * index(sizeof(T)), work);
    run_tiles_of<T, Backward>(plan.bytes, call, control, m, plan);
}

template <class T>
void run_values(const Call& call, Control& control) {
    using G = ValueGradient<T>;
    const Pattern& p = call.forward;
    const index groups = (p.n_rows + GROUP - 1) / GROUP;
    const bool small = double(p.n_synapses) * double(call.steps) * double(call.batch) < 1e5;
    const int threads = small || groups < call.threads ? 1 : call.threads;
    const Extent extent = G::chosen_extent(call);
    const index row = extent.length * BYTES, rows = aligned(GROUP * row), panel = aligned(extent.columns * row);
    const index panels = extent.shared ? 1 : threads, row_at = aligned(p.n_rows * 4), block_at = aligned(groups * 4);
    Buffer memory(panels * panel + threads * rows + row_at + block_at);
    char *own_rows = memory.as<char>() + panels * panel, *cursors = own_rows + threads * rows;
    const auto worker = [&](int member) {
        return G{call, control, p, extent, member,
                 reinterpret_cast<T*>(memory.as<char>() + (extent.shared ? 0 : member) * panel),
                 reinterpret_cast<T*>(own_rows + member * rows),
                 reinterpret_cast<std::int32_t*>(cursors), reinterpret_cast<std::int32_t*>(cursors + row_at)};
    };
    const index slots = G::slots(call);
    index from = 0;
    auto fill = [&](int member, int size) {
        worker(member).fill(from, p.n_cols * member / size, p.n_cols * (member + 1) / size, 0);
    };
    auto sum = [&](int member, int size) {
        index first, last;
        divide(groups, member, size, [&](index g) {
            const index begin = g * GROUP, end = begin + GROUP < p.n_rows ? begin + GROUP : p.n_rows;
            return p.rest_start[end] - p.rest_start[begin] + (p.block_start ? 3 * (p.block_start[g + 1] - p.block_start[g]) : 0) + GROUP;
        }, first, last);
        std::memset(own_rows + member * rows, 0, rows);
        worker(member).run(first, last, from, extent.shared ? from + extent.length : slots);
    };
    if (!extent.shared) return on_threads(control, threads, sum);
    for (; from < slots && !control.was_stopped(); from += extent.length) {
        on_threads(control, threads, fill);
        on_threads(control, threads, sum);
    }
}

template <class T>
void run_backward(const Call& call, Control& control) {
    run_sequence<T, true>(call, control, call.transposed, call.permutation);
    if (call.grad_values && !control.was_stopped()) run_values<T>(call, control);
}

Status forward(const Call& call, Control& control) {
    if (call.is_double)
        run_sequence<double, false>(call, control, call.forward, nullptr);
    else
        run_sequence<float, false>(call, control, call.forward, nullptr);
    return control.was_stopped() ? INTERRUPTED : DONE;
}

Status backward(const Call& call, Control& control) {
    if (call.is_double)
        run_backward<double>(call, control);
    else
        run_backward<float>(call, control);
    return control.was_stopped() ? INTERRUPTED : DONE;
}

}  // namespace

extern const Kernels kernels;
const Kernels kernels{forward, backward};

}  // namespace graphrnn::GRAPHRNN_ISA
