// The whole sequence for one tile of the batch, forward and backward. A team of threads may share a
// tile: each takes some groups of rows and waits for the others once per time step.
#pragma once
#include "activations.hpp"
#include "product.hpp"
#include "threads.hpp"

namespace graphrnn::GRAPHRNN_ISA {

constexpr index ASK_ROWS = 4096;  // groups of rows between two looks at whether to stop

// One tile as one thread sees it.
template <class T>
struct Share {
    index start, width;               // of the batch
    index first_group, last_group;    // this thread's rows
    T *now, *before, *carried, *alpha;  // packed rows (neuron, tile): two of rates, one of v or its gradient
    Barrier* barrier;  // null for a thread that has the tile to itself
    int member;
    bool outgrown;  // whether the rates of a tile outgrow the cache
};

template <class Tile>
struct Sequence {
    using T = typename Tile::scalar;
    using vec = typename Tile::vec;
    using M = Math<typename Tile::S>;
    static constexpr int V = Tile::V, WIDTH = Tile::WIDTH;

    static int rows_of(const Matrix<T>& m, index group) {
        const index left = m.n_rows - group * GROUP;
        return left < GROUP ? int(left) : GROUP;
    }

    // Brings the rows of the next group closer while this one is worked on.
    static INLINE void fetch(const T* array, index at, index batch) {
        if (!array) return;
        for (int q = 0; q < GROUP; ++q)
#pragma GCC unroll 4
            for (int line = 0; line < WIDTH * int(sizeof(T)); line += 64)
                __builtin_prefetch(reinterpret_cast<const char*>(array + at + (GROUP + q) * batch) + line);
    }

    // Copies rows of a (neuron, batch) array into a packed tile; zeros where there is no array.
    static void pack(const void* array, index batch, const Share<T>& share, index n_rows, T* tile) {
        const T* from = static_cast<const T*>(array);
        for (index i = share.first_group * GROUP; i < share.last_group * GROUP && i < n_rows; ++i) {
            vec x[V] = {};
            if (from) Tile::load(from + i * batch + share.start, share.width, x);
            for (int v = 0; v < V; ++v) Tile::S::store(tile + i * WIDTH + v * Tile::LANES, x[v]);
        }
    }
    static void unpack(const T* tile, index batch, const Share<T>& share, index n_rows, void* array) {
        T* to = static_cast<T*>(array);
        for (index i = share.first_group * GROUP; i < share.last_group * GROUP && i < n_rows; ++i) {
            vec x[V];
            Tile::load(tile + i * WIDTH, WIDTH, x);
            Tile::store(to + i * batch + share.start, share.width, x);
        }
    }

    static void forward(const Call& call, Control& control, const Matrix<T>& m, Share<T> share) {
        const index batch = call.batch, step = call.neurons * batch;
        const T *drive = static_cast<const T*>(call.drive), *alpha = static_cast<const T*>(call.alpha);
        const T* noise = static_cast<const T*>(call.noise);
        T *rates = static_cast<T*>(call.rates), *states = static_cast<T*>(call.states);
        pack(call.r0, batch, share, m.n_rows, share.before);
        pack(call.v0, batch, share, m.n_rows, share.carried);
        if (share.barrier) share.barrier->wait(control, share.member);
        for (index t = 0; t < call.steps; ++t) {
            for (index group = share.first_group; group < share.last_group; ++group) {
                if (group % ASK_ROWS == 0 && control.stopped(share.member)) return;
                const int rows = rows_of(m, group);
                const index here = t * step + group * GROUP * batch + share.start;
                fetch(drive, here, batch);
                fetch(noise, here, batch);
                vec x[GROUP][V];
                Tile::product(m, group, rows, share.outgrown, share.before, x);
                for (int q = 0; q < rows; ++q) {
                    const index i = group * GROUP + q, at = t * step + i * batch + share.start;
                    T* v = share.carried + i * WIDTH;
                    const T leak = alpha[i], keep = T(1) - leak;
                    vec input[V], old[V];
                    Tile::load(drive + at, share.width, input);
                    Tile::load(v, WIDTH, old);
                    for (int k = 0; k < V; ++k) x[q][k] = keep * old[k] + leak * (x[q][k] + input[k]);
                    Tile::store(v, WIDTH, x[q]);
                    if (states) Tile::store(states + at, share.width, x[q]);
                }
                M::rates(call.activation, x[0], rows * V);
                for (int q = 0; q < rows; ++q) {
                    const index i = group * GROUP + q, at = t * step + i * batch + share.start;
                    if (noise) {
                        vec e[V];
                        Tile::load(noise + at, share.width, e);
                        for (int k = 0; k < V; ++k) x[q][k] += e[k];
                    }
                    Tile::store(share.now + i * WIDTH, WIDTH, x[q]);
                    Tile::store(rates + at, share.width, x[q]);
                }
            }
            if (control.stopped(share.member)) return;
            if (share.barrier) share.barrier->wait(control, share.member);
            T* const swap = share.now;
            share.now = share.before;
            share.before = swap;
        }
        unpack(share.carried, batch, share, m.n_rows, call.v_last);
    }

    // With d = dL/dv of a step: d_t = f' (dL/dr_t + W^T (alpha d_{t+1})) + (1 - alpha) d_{t+1}.
    // `carried` holds the last term, the packed rows alpha d, which is also the gradient of the drive.
    static void backward(const Call& call, Control& control, const Matrix<T>& m, Share<T> share) {
        const index batch = call.batch, step = call.neurons * batch;
        const T *alpha = static_cast<const T*>(call.alpha), *grad_rates = static_cast<const T*>(call.grad_rates);
        const T *rates = static_cast<const T*>(call.rates), *states = static_cast<const T*>(call.states);
        const T* v0 = static_cast<const T*>(call.v0);
        T* grad_drive = static_cast<T*>(call.grad_drive);
        pack(call.grad_v_last, batch, share, m.n_rows, share.carried);
        if (share.alpha) pack(nullptr, batch, share, m.n_rows, share.alpha);
        for (index t = call.steps - 1; t >= 0; --t) {
            for (index group = share.first_group; group < share.last_group; ++group) {
                if (group % ASK_ROWS == 0 && control.stopped(share.member)) return;
                const int rows = rows_of(m, group);
                const index here = t * step + group * GROUP * batch + share.start;
                fetch(call.noisy ? states : rates, here, batch);
                fetch(grad_rates, here, batch);
                vec x[GROUP][V], slope[GROUP][V];
                if (t + 1 < call.steps)
                    Tile::product(m, group, rows, share.outgrown, share.before, x);
                else
                    Tile::clear(x);
                for (int q = 0; q < rows; ++q) {
                    const index at = t * step + (group * GROUP + q) * batch + share.start;
                    Tile::load((call.noisy ? states : rates) + at, share.width, slope[q]);
                }
                if (call.noisy) M::rates(call.activation, slope[0], rows * V);
                M::slopes(call.activation, slope[0], rows * V);
                for (int q = 0; q < rows; ++q) {
                    const index i = group * GROUP + q, at = t * step + i * batch + share.start;
                    const T leak = alpha[i], keep = T(1) - leak;
                    vec g[V] = {}, carried[V], d[V];
                    if (grad_rates) Tile::load(grad_rates + at, share.width, g);
                    Tile::load(share.carried + i * WIDTH, WIDTH, carried);
                    for (int k = 0; k < V; ++k) {
                        d[k] = slope[q][k] * (x[q][k] + g[k]) + carried[k];
                        carried[k] = keep * d[k];
                        g[k] = leak * d[k];
                    }
                    Tile::store(share.carried + i * WIDTH, WIDTH, carried);
                    Tile::store(share.now + i * WIDTH, WIDTH, g);
                    Tile::store(grad_drive + at, share.width, g);
                    if (share.alpha) {
                        vec after[V], earlier[V], sum[V];
                        Tile::load(states + at, share.width, after);
                        Tile::load(t ? states + at - step : v0 + i * batch + share.start, share.width, earlier);
                        Tile::load(share.alpha + i * WIDTH, WIDTH, sum);
                        for (int k = 0; k < V; ++k) sum[k] += d[k] * (after[k] - earlier[k]);
                        Tile::store(share.alpha + i * WIDTH, WIDTH, sum);
                    }
                }
            }
            if (control.stopped(share.member)) return;
            if (share.barrier) share.barrier->wait(control, share.member);
            T* const swap = share.now;
            share.now = share.before;
            share.before = swap;
        }
        unpack(share.carried, batch, share, m.n_rows, call.grad_v0);
        T* grad_r0 = static_cast<T*>(call.grad_r0);
        for (index group = share.first_group; group < share.last_group; ++group) {
            const int rows = rows_of(m, group);
            vec x[GROUP][V];
            Tile::product(m, group, rows, share.outgrown, share.before, x);
            for (int q = 0; q < rows; ++q)
                Tile::store(grad_r0 + (group * GROUP + q) * batch + share.start, share.width, x[q]);
        }
        if (share.alpha) {
            for (index i = share.first_group * GROUP; i < share.last_group * GROUP && i < m.n_rows; ++i) {
                T total = 0;
                for (int v = 0; v < V; ++v)
                    total += Tile::S::sum(Tile::S::load(share.alpha + i * WIDTH + v * Tile::LANES));
                share.alpha[i * WIDTH] = total;  // where the tiles are summed up from
            }
        }
    }
};

}  // namespace graphrnn::GRAPHRNN_ISA
