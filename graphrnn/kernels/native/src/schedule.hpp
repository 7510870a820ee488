// How wide the tiles of the batch are and which thread works on what.
#pragma once
#include "api.hpp"
#include "sequence.hpp"

namespace graphrnn::GRAPHRNN_ISA {

constexpr int WIDEST = BYTES == 16 ? 64 : BYTES == 32 ? 128 : 256, NARROWEST = 16;

struct Schedule {
    int bytes = NARROWEST;  // of the batch in one tile
    index tiles = 1;
    int threads = 1, team = 1;  // threads in all, and on each tile
    index reach = 0;            // rows of rates that are wanted in the cache at once
};

// Rough cost of one step of one tile per unit of work, in nanoseconds: reading the synapse, then
// gathering and adding up its row of rates, which costs more the farther away those lie.
inline double cost(int bytes, index reach, index cache_bytes) {
    constexpr index FIRST_CACHE = 32 << 10;
    const double lines = bytes < 64 ? 1 : bytes / 64.0;
    if (reach * bytes <= FIRST_CACHE) return 0.2 + 0.2 * lines;
    if (reach * bytes * 3 / 2 <= cache_bytes) return 0.15 + 0.37 * lines;
    return 0.3 + 1.2 * lines;
}

template <class T>
Schedule schedule(const Call& call, const Pattern& hidden, index batch_bytes, const Matrices<T>& m) {
    double work = 0;
    for (const Matrix<T>* matrix : {&m.hidden, &m.input, &m.readout})
        for (index g = 0; !matrix->empty() && g < matrix->n_groups; ++g) work += double(matrix->work(g));
    constexpr double BARRIER = 1000, THREAD = 20000;  // what waiting and waking up cost, in nanoseconds
    constexpr double TOGETHER = 1.2;                  // rates and gradients of a team lie in each other's caches
    const int threads = call.threads;
    Schedule best;
    double least = -1;
    const auto offer = [&](int bytes, index tiles, int own, int team, double time) {
        if (least >= 0 && time >= least) return;
        best = {bytes, tiles, own, team, hidden.reach};
        least = time;
    };
    for (int bytes = WIDEST; bytes >= NARROWEST; bytes /= 2) {
        const index tiles = (batch_bytes + bytes - 1) / bytes;
        const double step = work * cost(bytes, hidden.reach, call.cache_bytes);
        const int own = tiles < threads ? int(tiles) : threads, team = int(threads / tiles);
        if (bytes == call.tile_bytes)  // asked for, by tests and by whoever measures
            return call.team > 1 ? Schedule{bytes, tiles, int(tiles) * call.team, call.team, hidden.reach} : Schedule{bytes, tiles, own, 1, hidden.reach};
        offer(bytes, tiles, 1, 1, step * double(tiles));
        offer(bytes, tiles, own, 1, step * double((tiles + own - 1) / own) + THREAD / double(call.steps));
        if (team > 1) offer(bytes, tiles, int(tiles) * team, team, TOGETHER * step / team + BARRIER + THREAD / double(call.steps));
    }
    return best;
}

// How many steps go back before their part of the values' gradient is summed up, and how.
struct Chunks {
    index steps, columns;  // and of how many neurons' rates at once
    int threads;
    bool alone;     // each thread for its own tiles, or all together
    bool outgrown;  // whether the rates looked at together outgrow the cache
    index lead;     // steps before a chunk that its rates begin with, see `Panels`

    // Calls f(first, until) for each chunk, the last one first; all but that are whole.
    template <class F>
    void each(index total, F f) const {
        for (index first = (total - 1) / steps * steps; first >= 0; first -= steps)
            f(first, first + steps < total ? first + steps : total);
    }
};

// About `wished` steps, at least `least` and at most `most`, in chunks of equal length.
inline index even_steps(index total, index wished, index least, index most) {
    const index bounded = wished < least ? least : wished > most ? most : wished;
    const index count = (total + bounded - 1) / bounded;
    return (total + count - 1) / count;
}

// Either way some rates are copied for each chunk: those of the window, or each late column's.
inline index lead_of(const Call& call, index steps) {
    const index late = call.hidden.matrix.n_late;
    return late && (call.window - 1) * call.neurons <= late * steps ? call.window : 1;
}

template <class T>
Chunks chunks_of(const Call& call, const Schedule& plan) {
    // Registers in a row: each sum ends with one over its lanes, which costs as much as some registers of numbers;
    // long ones cost the cache, and beyond 48 nothing is gained.
    constexpr index LEAST = 4 * BYTES, GOOD = 8 * BYTES, MOST = 48 * BYTES;
    constexpr index FEWEST_SYNAPSES = 8, SHARED_BYTES = index(64) << 20;
    const index sources = call.neurons + call.hidden.matrix.n_late > 0 ? call.neurons + call.hidden.matrix.n_late : 1;
    const double synapses = double(call.hidden.matrix.n_synapses), neurons = double(call.neurons);
    const index cache = call.cache_bytes, rates_bytes = call.steps * call.neurons * call.batch * index(sizeof(T));
    // Neurons whose rates stay in the cache, in parts of equal size; all where a part had too few synapses.
    const auto together = [&](index row) {
        const index fit = cache / 4 * 3 / row, least = fit < 256 ? 256 : fit;
        const index parts = (sources + least - 1) / least, columns = (sources + parts - 1) / parts;
        return synapses * double(columns) >= FEWEST_SYNAPSES * neurons * double(sources) ? columns : sources;
    };
    if (plan.team == 1) {
        const index step = plan.bytes, fit = cache / (sources * step);
        const double sums = double(plan.threads) * synapses * sizeof(T);
        const index quarter = fit / 4, good = fit < GOOD / step ? fit : GOOD / step;
        for (const index wished : {good > quarter ? good : quarter, quarter}) {
            const index steps = even_steps(call.steps, wished, (LEAST + step - 1) / step, (MOST + step - 1) / step);
            const index columns = together((steps + 1) * step);
            const bool outgrown = columns * (steps + 1) * step > cache;
            if (!outgrown && sums <= double(rates_bytes) + 8e6) return {steps, columns, plan.threads, true, false, lead_of(call, steps)};
        }
    }
    const index step = plan.bytes * plan.tiles;
    const index steps = even_steps(call.steps, SHARED_BYTES / (sources * step), 1, (MOST + step - 1) / step);
    const index columns = together((steps + 1) * step);
    const bool small = synapses * double(call.steps) * double(call.batch) < 1e5;
    return {steps, columns, small ? 1 : call.threads, false, columns * (steps + 1) * step > cache, lead_of(call, steps)};
}

// Groups [first, last) of part `part` of `parts`, equal in work.
template <class Work>
void divide(index groups, int part, int parts, Work work, index& first, index& last) {
    double total = 0;
    for (index g = 0; g < groups; ++g) total += double(work(g));
    const double from = total * part / parts, to = total * (part + 1) / parts;
    first = last = groups;
    double sum = 0;
    for (index g = 0; g < groups; ++g) {
        if (first == groups && sum >= from) first = g;
        if (part + 1 < parts && sum >= to) {
            last = g;
            break;
        }
        sum += double(work(g));
    }
    if (first > last) first = last;
}

}  // namespace graphrnn::GRAPHRNN_ISA
