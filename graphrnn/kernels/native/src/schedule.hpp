// How wide the tiles of the batch are and which thread works on what.
#pragma once
#include "api.hpp"
#include "product.hpp"

namespace graphrnn::GRAPHRNN_ISA {

constexpr int WIDEST = BYTES == 16 ? 64 : BYTES == 32 ? 128 : 256, NARROWEST = 16;

struct Schedule {
    int bytes = NARROWEST;  // of the batch in one tile
    index tiles = 1;
    int threads = 1, team = 1;  // threads in all, and on each tile
};

// Rough cost of one step of one tile per unit of work, in nanoseconds: reading the synapse, then
// gathering and adding up its row of rates, which costs more once the rates outgrow the cache.
inline double cost(int bytes, index neurons, index cache_bytes) {
    const double lines = bytes / 64.0;
    const bool outgrown = neurons * bytes * 3 / 2 > cache_bytes;
    return outgrown ? 0.3 + 1.2 * (lines < 1 ? 1 : lines) : 0.2 + 0.3 * lines;
}

inline Schedule schedule(const Call& call, index batch_bytes, double work) {
    constexpr double BARRIER = 1000, THREAD = 20000;  // what waiting and waking up cost, in nanoseconds
    const int threads = call.threads;
    Schedule best;
    double least = -1;
    const auto offer = [&](int bytes, index tiles, int own, int team, double time) {
        if (least >= 0 && time >= least) return;
        best = {bytes, tiles, own, team};
        least = time;
    };
    for (int bytes = WIDEST; bytes >= NARROWEST; bytes /= 2) {
        const index tiles = (batch_bytes + bytes - 1) / bytes;
        const double step = work * cost(bytes, call.neurons, call.cache_bytes);
        const int own = tiles < threads ? int(tiles) : threads, team = int(threads / tiles);
        if (bytes == call.tile_bytes)  // asked for, by tests and by whoever measures
            return call.team > 1 ? Schedule{bytes, tiles, int(tiles) * call.team, call.team} : Schedule{bytes, tiles, own, 1};
        offer(bytes, tiles, 1, 1, step * double(tiles));
        offer(bytes, tiles, own, 1, step * double((tiles + own - 1) / own) + THREAD / double(call.steps));
        if (team > 1) offer(bytes, tiles, int(tiles) * team, team, step / team + BARRIER + THREAD / double(call.steps));
    }
    return best;
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
