// The whole sequence for one tile of the batch, forward and backward. A team of threads may share a
// tile: each takes some groups of rows and waits for the others once per time step.
#pragma once
#include <cstring>

#include "activations.hpp"
#include "product.hpp"
#include "threads.hpp"

namespace graphrnn::GRAPHRNN_ISA {

constexpr index ASK_ROWS = 4096;  // groups of rows between two looks at whether to stop

// The matrices of a pass: forward W, W_in and W_out, backward their transposes.
template <class T>
struct Matrices {
    Matrix<T> hidden, input, readout;
};

// What some steps leave for the gradient of the values: for each neuron, input or readout one row, with
// the steps side by side and the batch, tile by tile, within a step. The rates begin `lead` steps earlier: one step,
// with rows of their own for the late columns, or the whole window, in which the late columns lie already.
template <class T>
struct Panels {
    T *deltas, *rates, *x, *grad_output;         // null where the values need no gradient
    index delta_row, rate_row, step, lead, own;  // numbers in a row, in a row of rates and in a step; the neurons' first row
    const index* offset;                         // with the whole window, where what a column reads begins
};

// Rows of one tile at one step, or of where they are to go.
template <class T>
struct Place {
    T* start;
    index stride, apart = 1;  // of rows, and of the trials in one
};

// One tile as one thread sees it.
template <class T>
struct Share {
    index start, width;             // of the batch
    index first_group, last_group;  // this thread's rows
    int part, team, member;
    T *tiles[2], *carried, *alpha;  // packed rows: two of (column, tile), for this step and the last; (neuron, tile)
    T* ring;                        // under delays, what the last steps gave back: packed rows (step, neuron, tile)
    T* outer;                       // packed rows of what comes from outside: inputs, or gradients of readouts
    Barrier* barrier;               // null for a thread that has the tile to itself
    bool outgrown, far_back;        // whether the rates that a step reads, and those of the whole window, outgrow the cache
    bool sends;                     // whether the rows that a team writes for each other go past the caches
    bool streams;                   // and whether the rates of all steps do
    bool direct;                    // whether a step reads the rates where the last one left them for the caller, and not a copy
    Panels<T> panels;
    index column;                   // of this tile within a step of a panel
};

template <class Tile>
struct Sequence {
    using T = typename Tile::scalar;
    using vec = typename Tile::vec;
    using M = Math<typename Tile::S>;
    static constexpr int V = Tile::V, WIDTH = Tile::WIDTH;

    const Call& call;
    Control& control;
    const Matrices<T>& m;
    const index batch = call.batch, step_size = call.neurons * call.batch;
    const index window = call.window;

    // Brings the rows of the next group closer while this one is worked on; after the last one, those of the next step.
    INLINE void fetch(const T* array, const Share<T>& share, index group, index time, index next_time) const {
        if (!array) return;
        const bool last = group + 1 == share.last_group;
        if (last && (next_time < 0 || next_time >= call.steps)) return;
        const index row = last ? first_row(share) : m.hidden.first_row(group + 1);
        const T* const start = array + (last ? next_time : time) * step_size + row * batch + share.start;
        for (int q = 0; q < GROUP; ++q)
#pragma GCC unroll 4
            for (int line = 0; line < WIDTH * int(sizeof(T)); line += 64)
                __builtin_prefetch(reinterpret_cast<const char*>(start + q * batch) + line);
    }

    // Rows of an array of all steps. What outgrows the caches goes past them: a core would fetch each line first,
    // and its prefetching those lines beside it that another core is writing.
    INLINE void write(const Share<T>& share, T* to, const vec* from) const {
        share.streams ? Tile::stream(to, from) : Tile::store(to, share.width, from);
    }

    // A row of a tile that the next step reads. To take back lines that the others of a team have read costs more
    // than to read the own ones from afar too, unless they are many.
    INLINE void send(const Share<T>& share, T* to, const vec* from) const {
        share.sends ? Tile::stream(to, from) : Tile::store(to, WIDTH, from);
    }

    // This tile's part of a (row, batch) array, if there is one.
    Place<T> tile_of(const void* array, const Share<T>& share) const {
        if (!array) return {};
        return {static_cast<T*>(const_cast<void*>(array)) + share.start, batch};
    }
    // And of one step of x, of the output or of a gradient of either, of which there are so many.
    Place<T> outside(const Share<T>& share, const void* array, index rows, index time) const {
        if (!array) return {};
        T* const start = static_cast<T*>(const_cast<void*>(array));
        switch (call.order) {
            case TRIAL_TIME_ROW: return {start + (share.start * call.steps + time) * rows, 1, call.steps * rows};
            case TIME_TRIAL_ROW: return {start + (time * batch + share.start) * rows, 1, rows};
            default: return tile_of(start + time * rows * batch, share);
        }
    }

    // Copies rows into rows `stride` apart; zeros where there are none.
    void pack(Place<T> from, const Share<T>& share, index row, index end, T* to, index stride) const {
        for (index i = row; i < end; ++i) {
            vec x[V] = {};
            if (from.start) Tile::load(from.start + i * from.stride, share.width, x, from.apart);
            Tile::store(to + i * stride, WIDTH, x);
        }
    }
    void pack(const void* array, const Share<T>& share, index row, index end, T* to, index stride) const {
        pack(tile_of(array, share), share, row, end, to, stride);
    }
    void unpack(const T* tile, const Share<T>& share, void* array) const {
        T* to = static_cast<T*>(array);
        if (!to) return;
        for (index i = first_row(share); i < end_row(share); ++i) {
            vec x[V];
            Tile::load(tile + i * WIDTH, WIDTH, x);
            Tile::store(to + i * batch + share.start, share.width, x);
        }
    }
    index first_row(const Share<T>& share) const { return m.hidden.first_row(share.first_group); }
    index end_row(const Share<T>& share) const { return m.hidden.first_row(share.last_group); }

    // Rows of W r + b, without b where it is null; a team divides the groups of rows.
    void emit(const Matrix<T>& matrix, const Share<T>& share, const T* tile, const T* bias, Place<T> to) const {
        for (index group = share.part; group < matrix.n_groups; group += share.team) {
            vec x[GROUP][V];
            Tile::template product<false>(matrix, group, share.outgrown, tile, x);
            for (int q = 0; q < matrix.rows(group); ++q) {
                const index row = matrix.first_row(group) + q;
                for (int v = 0; v < V && bias; ++v) x[q][v] += bias[row];
                Tile::store(to.start + row * to.stride, share.width, x[q], to.apart);
            }
        }
    }

    bool wait(const Share<T>& share) const {
        if (share.barrier) Tile::S::drain();
        if (control.stopped(share.member)) return false;
        if (share.barrier) share.barrier->wait(control, share.member);
        return true;
    }

    // This thread's part of the late columns of a pattern, each at its row of `to`; from(d) is the place of the
    // step that those of d steps read.
    template <class From>
    void copy_late(const Pattern& pattern, const Share<T>& share, index width, From from, Place<T> to) const {
        constexpr index AHEAD = 32;
        const index first = pattern.n_late * share.part / share.team, last = pattern.n_late * (share.part + 1) / share.team;
        for (index k = first; k < last;) {
            const index steps = pattern.late_steps[k];
            const Place<T> step = from(steps);
            const std::int32_t* row = pattern.late_row;
            for (; k < last && pattern.late_steps[k] == steps; ++k) {
                if (share.far_back) __builtin_prefetch(step.start + row[k + AHEAD < last ? k + AHEAD : k] * step.stride);
                vec x[V];
                Tile::load(step.start + row[k] * step.stride, width, x);
                Tile::store(to.start + k * to.stride, WIDTH, x);
            }
        }
    }
    // The rates of any step, those before the first included.
    Place<T> rates_at(const Share<T>& share, index time) const {
        T* step = time < 0 ? static_cast<T*>(const_cast<void*>(call.r0)) + (window + time) * step_size
                           : static_cast<T*>(call.rates) + time * step_size;
        return {step + share.start, batch};
    }
    // v before the first step, one column where all trials start alike.
    Place<T> v_before(const Share<T>& share) const {
        return call.same_start ? Place<T>{static_cast<T*>(const_cast<void*>(call.v0)), 1, 0} : tile_of(call.v0, share);
    }
    // The rates of one neuron at any step, into a packed row; f(v) before the first one where the caller gave none.
    void pack_rates(const Share<T>& share, index time, index row, T* to) const {
        vec r[V];
        const bool given = time >= 0 || call.r0;
        const Place<T> from = given ? rates_at(share, time) : v_before(share);
        Tile::load(from.start + row * from.stride, share.width, r, from.apart);
        if (!given) M::rates(call.activation, r, V);
        Tile::store(to, WIDTH, r);
    }
    // Under delays, what each of the last `window` steps gave back, in turns; zero before that.
    Place<T> given_back(const Share<T>& share, index time) const {
        return {share.ring + (time + window) % window * call.neurons * WIDTH, WIDTH};
    }
    // What the step after the one at `time` reads late.
    void read_late(const Share<T>& share, index time, T* tile) const {
        const Pattern& p = call.hidden.matrix;
        copy_late(p, share, share.width, [&](index d) { return rates_at(share, time - d); }, {tile + p.late * WIDTH, WIDTH});
    }
    // What the step before the one at `time` gets back late.
    void return_late(const Share<T>& share, index time, T* tile) const {
        const Pattern& p = call.hidden.transposed;
        copy_late(p, share, WIDTH, [&](index d) { return given_back(share, time + d); }, {tile + p.late * WIDTH, WIDTH});
    }

    void forward(const Share<T>& share) const {
        const T* bias = static_cast<const T*>(call.bias);
        const T *drive = static_cast<const T*>(call.drive), *alpha = static_cast<const T*>(call.alpha);
        const T* noise = static_cast<const T*>(call.noise);
        T *rates = static_cast<T*>(call.rates), *states = static_cast<T*>(call.states);
        const T* readout_bias = static_cast<const T*>(call.readout_bias);
        const index n_inputs = call.input.matrix.n_cols, n_outputs = call.readout.matrix.n_rows;
        const index width = share.width, fresh = call.hidden.matrix.fresh * WIDTH;
        T* const carried = share.carried;
        const bool direct = share.direct;  // then each thread has a start of its own: lines that others write cost more
        for (index i = direct ? 0 : first_row(share); i < (direct ? call.neurons : end_row(share)); ++i)
            pack_rates(share, -1, i, share.tiles[1] + fresh + i * WIDTH);
        read_late(share, -1, share.tiles[1]);
        pack(v_before(share), share, first_row(share), end_row(share), share.carried, WIDTH);
        const auto output = [&](index t, const T* tile) {
            emit(m.readout, share, tile + fresh, readout_bias, outside(share, call.output, n_outputs, t));
        };
        if (!direct && !wait(share)) return;
        for (index t = 0; t < call.steps; ++t) {
            T* const now = direct ? rates + t * step_size : share.tiles[t & 1];
            const T* const before = direct && t ? rates + (t - 1) * step_size : share.tiles[(t + 1) & 1];
            read_late(share, t, now);
            pack(outside(share, call.x, n_inputs, t), share, 0, n_inputs, share.outer, WIDTH);
            for (index group = share.first_group; group < share.last_group; ++group) {
                if (group % ASK_ROWS == ASK_ROWS - 1 && control.stopped(share.member)) return;
                const int rows = m.hidden.rows(group);
                const index row = m.hidden.first_row(group), here = t * step_size + row * batch + share.start;
                fetch(drive, share, group, t, t + 1);
                fetch(noise, share, group, t, t + 1);
                vec sums[GROUP][V];
                Tile::template product<false>(m.hidden, group, share.outgrown, before, sums);
                Tile::template product<true>(m.input, group, false, share.outer, sums);
                for (int q = 0; q < rows; ++q) {
                    const index at = here + q * batch;
                    T* v = carried + (row + q) * WIDTH;
                    const T leak = alpha[row + q], keep = T(1) - leak, constant = bias ? bias[row + q] : T(0);
                    vec extra[V] = {}, old[V], r[V];  // r: v, then the rates
                    if (drive) Tile::load(drive + at, width, extra);
                    Tile::load(v, WIDTH, old);
                    for (int k = 0; k < V; ++k) r[k] = keep * old[k] + leak * (sums[q][k] + constant + extra[k]);
                    Tile::store(v, WIDTH, r);
                    if (states) write(share, states + at, r);
                    M::rates(call.activation, r, V);
                    if (noise) {
                        vec e[V];
                        Tile::load(noise + at, width, e);
                        for (int k = 0; k < V; ++k) r[k] += e[k];
                    }
                    if (!direct) send(share, now + fresh + (row + q) * WIDTH, r);
                    write(share, rates + at, r);
                }
            }
            if (t) output(t - 1, before);  // not earlier: the rows that others wrote are at hand by now
            if (!wait(share)) return;
        }
        output(call.steps - 1, direct ? rates + (call.steps - 1) * step_size : share.tiles[(call.steps - 1) & 1]);
        unpack(share.carried, share, call.v_last);
        Tile::S::drain();
    }

    // Before the last step: nothing carried back but what the caller says of v at the end.
    void start_backward(const Share<T>& share) const {
        pack(call.grad_v_last, share, first_row(share), end_row(share), share.carried, WIDTH);
        if (share.alpha) pack(nullptr, share, first_row(share), end_row(share), share.alpha, WIDTH);
        for (index k = 0; share.ring && k < window; ++k)
            pack(nullptr, share, first_row(share), end_row(share), given_back(share, k).start, WIDTH);
        if (share.ring) wait(share);  // the others read these zeros
    }

    // Steps [first, until), the last one first. With d = dL/dv of a step:
    //     d_t = f' (dL/dr_t + W_out^T dL/dy_t + W^T (alpha d_{t+1})) + (1 - alpha) d_{t+1}.
    // `carried` holds the last term, the packed rows alpha d, which is also the gradient of the drive.
    void backward(const Share<T>& share, index first, index until) const {
        const T *alpha = static_cast<const T*>(call.alpha), *grad_rates = static_cast<const T*>(call.grad_rates);
        const T *rates = static_cast<const T*>(call.rates), *states = static_cast<const T*>(call.states);
        const T* grad_r_last = static_cast<const T*>(call.grad_r_last);
        T* grad_drive = static_cast<T*>(call.grad_drive);
        const index n_inputs = call.input.matrix.n_cols, n_outputs = call.grad_output ? call.readout.matrix.n_rows : 0;
        const Panels<T> panels = share.panels;
        const Place<T> v_at_start = v_before(share);
        const Pattern& hidden = call.hidden.matrix;
        T* const own_rates = panels.rates + panels.own * panels.rate_row;  // those without delay
        const index width = share.width;
        T *const carry = share.carried, *const sums = share.alpha;
        const Matrix<T> none{};  // after the last step nothing comes back
        for (index t = until - 1; t >= first; --t) {
            T *const now = share.tiles[t & 1], *const before = share.tiles[(t + 1) & 1];
            return_late(share, t, now);
            T* const kept = share.ring ? given_back(share, t).start : nullptr;
            const index column = (t - first) * panels.step + share.column;
            const bool last = t + 1 == call.steps;
            pack(outside(share, call.grad_output, n_outputs, t), share, 0, n_outputs, share.outer, WIDTH);
            for (index i = 0; share.part == 0 && panels.grad_output && i < n_outputs; ++i)
                std::memcpy(panels.grad_output + i * panels.delta_row + column, share.outer + i * WIDTH, WIDTH * sizeof(T));
            if (share.part == 0 && panels.x) pack(outside(share, call.x, n_inputs, t), share, 0, n_inputs, panels.x + column, panels.delta_row);
            for (index group = share.first_group; group < share.last_group; ++group) {
                if (group % ASK_ROWS == ASK_ROWS - 1 && control.stopped(share.member)) return;
                const int rows = m.hidden.rows(group);
                const index row = m.hidden.first_row(group), here = t * step_size + row * batch + share.start;
                fetch(call.noisy ? states : rates, share, group, t, t - 1);
                fetch(grad_rates, share, group, t, t - 1);
                vec back[GROUP][V];
                Tile::template product<false>(last ? none : m.hidden, group, share.outgrown, before, back);
                if (n_outputs) Tile::template product<true>(m.readout, group, false, share.outer, back);
                for (int q = 0; q < rows; ++q) {
                    const index i = row + q, at = here + q * batch;
                    const T leak = alpha[i], keep = T(1) - leak;
                    vec slope[V], extra[V] = {}, carried[V], d[V], g[V];
                    Tile::load(rates + at, width, slope);
                    if (panels.rates) Tile::store(own_rates + i * panels.rate_row + column + panels.lead * panels.step, width, slope);
                    if (call.noisy) {
                        Tile::load(states + at, width, slope);
                        M::rates(call.activation, slope, V);
                    }
                    M::slopes(call.activation, slope, V);
                    if (grad_rates) Tile::load(grad_rates + at, width, extra);
                    if (last && grad_r_last) {
                        vec end[V];
                        Tile::load(grad_r_last + i * batch + share.start, width, end);
                        for (int k = 0; k < V; ++k) extra[k] += end[k];
                    }
                    Tile::load(carry + i * WIDTH, WIDTH, carried);
                    for (int k = 0; k < V; ++k) {
                        d[k] = slope[k] * (back[q][k] + extra[k]) + carried[k];
                        carried[k] = keep * d[k];
                        g[k] = leak * d[k];
                    }
                    Tile::store(carry + i * WIDTH, WIDTH, carried);
                    send(share, now + i * WIDTH, g);
                    if (kept) Tile::store(kept + i * WIDTH, WIDTH, g);
                    if (panels.deltas) Tile::store(panels.deltas + i * panels.delta_row + column, width, g);
                    if (grad_drive) write(share, grad_drive + at, g);
                    if (sums) {
                        vec after[V], earlier[V], sum[V];
                        Tile::load(states + at, width, after);
                        if (t)
                            Tile::load(states + at - step_size, width, earlier);
                        else
                            Tile::load(v_at_start.start + i * v_at_start.stride, width, earlier, v_at_start.apart);
                        Tile::load(sums + i * WIDTH, WIDTH, sum);
                        for (int k = 0; k < V; ++k) sum[k] += d[k] * (after[k] - earlier[k]);
                        Tile::store(sums + i * WIDTH, WIDTH, sum);
                    }
                }
            }
            if (panels.rates && !panels.offset)
                copy_late(hidden, share, width, [&](index d) { return rates_at(share, t - 1 - d); },
                          {panels.rates + hidden.late * panels.rate_row + column, panels.rate_row});
            if (!wait(share)) return;
            if (call.grad_x) emit(m.input, share, now, nullptr, outside(share, call.grad_x, n_inputs, t));
        }
        for (index k = 0; panels.rates && k < panels.lead; ++k)
            for (index i = first_row(share); i < end_row(share); ++i)
                pack_rates(share, first - panels.lead + k, i, own_rates + i * panels.rate_row + k * panels.step + share.column);
    }

    void end_backward(const Share<T>& share) const {
        Tile::S::drain();
        unpack(share.carried, share, call.grad_v0);
        T* grad_r0 = static_cast<T*>(call.grad_r0);
        for (index t = -1; grad_r0 && t >= -window; --t) {
            T *const now = share.tiles[t & 1], *const before = share.tiles[(t + 1) & 1];
            for (index group = share.first_group; group < share.last_group; ++group) {
                vec x[GROUP][V];
                Tile::template product<false>(m.hidden, group, share.outgrown, before, x);
                for (int q = 0; q < m.hidden.rows(group); ++q)
                    Tile::store(grad_r0 + (window + t) * step_size + (m.hidden.first_row(group) + q) * batch + share.start, share.width, x[q]);
            }
            if (!share.ring) break;
            pack(nullptr, share, first_row(share), end_row(share), now, WIDTH);  // nothing from before the sequence
            pack(nullptr, share, first_row(share), end_row(share), given_back(share, t).start, WIDTH);
            return_late(share, t, now);
            if (!wait(share)) return;
        }
        for (index i = first_row(share); share.alpha && i < end_row(share); ++i) {
            T total = 0;
            for (int v = 0; v < V; ++v) total += Tile::S::sum(Tile::S::load(share.alpha + i * WIDTH + v * Tile::LANES));
            share.alpha[i * WIDTH] = total;  // where the tiles are summed up from
        }
    }
};

}  // namespace graphrnn::GRAPHRNN_ISA
