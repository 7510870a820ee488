// Forward and backward of one instruction set; compiled once for each.
#include <new>
#include <vector>

#include "ordered.hpp"
#include "schedule.hpp"
#include "sequence.hpp"

namespace graphrnn::GRAPHRNN_ISA {
namespace {

constexpr index LINE = 64;  // bytes

// Whether what all steps write stays in the caches until the caller reads it.
bool rates_stay(const Call& call, const Schedule& plan) {
    const index bytes = call.steps * call.neurons * call.batch * index(call.is_double ? sizeof(double) : sizeof(float));
    return 2 * bytes <= plan.threads * call.cache_bytes;
}

// And whether the rates that a step reads do not.
template <class Tile>
bool outgrown(const Call& call, const Schedule& plan) {
    return plan.reach * index(Tile::WIDTH * sizeof(typename Tile::scalar)) > call.cache_bytes;
}

// The tiles of a pass, their workspace, and which thread has which of them.
template <class Tile>
class Tiles {
   public:
    using T = typename Tile::scalar;

    Tiles(const Call& call, Control& control, const Matrices<T>& m, const Schedule& plan, index outer_rows, index workspaces, bool back, bool direct = false)
        : call_(call), control_(control), m_(m), plan_(plan), read_bytes_(packed(call.neurons + (back ? call.hidden.transposed : call.hidden.matrix).n_late)), tile_bytes_(packed(call.neurons)),
          outer_bytes_(packed(outer_rows)), ring_bytes_(back && call.window > 1 ? packed(call.window * call.neurons) : 0), workspaces_(workspaces), direct_(direct),
          memory_(workspaces * (2 * read_bytes_ + tile_bytes_ + ring_bytes_)), outer_(plan.threads * outer_bytes_), alpha_(back && call.grad_alpha ? plan.tiles * tile_bytes_ : 0),
          barriers_(plan.tiles * sizeof(Barrier)) {
        for (index tile = 0; tile < plan.tiles; ++tile) (new (barriers_.template as<Barrier>() + tile) Barrier)->expect(plan.team);
    }

    // Calls f(sequence, share) for each tile of one thread, or for this thread's share of its team's tile.
    template <class F>
    void each(int member, int size, F f) const {
        const bool team = plan_.team > 1 && size == plan_.threads;
        if (plan_.team > 1 && !team && member > 0) return;  // fewer threads than asked for: one takes all
        const index first = team ? member / plan_.team : member, by = team ? plan_.tiles : plan_.team > 1 ? 1 : size;
        const Sequence<Tile> sequence{call_, control_, m_};
        for (index tile = first; tile < plan_.tiles && !control_.stopped(member); tile += by) f(sequence, share(tile, member, team));
    }

    void finish_alpha() const {
        T* grad_alpha = static_cast<T*>(call_.grad_alpha);
        for (index i = 0; i < call_.neurons; ++i) {
            T total = 0;
            for (index tile = 0; tile < plan_.tiles; ++tile)
                total += reinterpret_cast<const T*>(alpha_.template as<char>() + tile * tile_bytes_)[i * Tile::WIDTH];
            grad_alpha[i] = total / static_cast<const T*>(call_.alpha)[i];
        }
    }

   private:
    static index packed(index rows) { return aligned(rows * Tile::WIDTH * sizeof(T)); }

    Share<T> share(index tile, int member, bool team) const {
        const index workspace = workspaces_ == plan_.tiles ? tile : member, start = tile * Tile::WIDTH, left = call_.batch - start;
        Share<T> s{};
        s.start = start, s.width = left < Tile::WIDTH ? left : Tile::WIDTH;
        s.part = team ? member % plan_.team : 0, s.team = team ? plan_.team : 1, s.member = member;
        s.first_group = 0, s.last_group = m_.hidden.n_groups;
        if (team) divide(m_.hidden.n_groups, s.part, plan_.team, [&](index g) { return m_.hidden.work(g); }, s.first_group, s.last_group);
        char* at = memory_.template as<char>() + workspace * (2 * read_bytes_ + tile_bytes_ + ring_bytes_);
        s.tiles[0] = reinterpret_cast<T*>(at), s.tiles[1] = reinterpret_cast<T*>(at + read_bytes_);
        s.carried = reinterpret_cast<T*>(at + 2 * read_bytes_);
        s.ring = ring_bytes_ ? reinterpret_cast<T*>(at + 2 * read_bytes_ + tile_bytes_) : nullptr;
        s.alpha = call_.grad_alpha ? reinterpret_cast<T*>(alpha_.template as<char>() + tile * tile_bytes_) : nullptr;
        s.outer = reinterpret_cast<T*>(outer_.template as<char>() + member * outer_bytes_);
        s.barrier = team ? barriers_.template as<Barrier>() + tile : nullptr;
        s.far_back = packed(call_.window * call_.neurons) > call_.cache_bytes;
        s.outgrown = outgrown<Tile>(call_, plan_);
        s.sends = team && Tile::WIDTH * sizeof(T) % LINE == 0 && tile_bytes_ <= call_.cache_bytes / 2;
        s.direct = direct_, s.streams = direct_ ? s.sends : streams(s.width);
        return s;
    }
    // Whole lines of what all steps write, which would not stay in the caches, and which no later step reads.
    bool streams(index width) const {
        if (call_.window > 1 || rates_stay(call_, plan_)) return false;
        if (width < Tile::WIDTH || Tile::WIDTH * sizeof(T) % LINE || call_.batch * sizeof(T) % LINE) return false;
        const void* const written[] = {call_.rates, call_.states, call_.grad_drive};
        for (const void* array : written)
            if (reinterpret_cast<std::uintptr_t>(array) % LINE) return false;
        return true;
    }

    const Call& call_;
    Control& control_;
    const Matrices<T>& m_;
    const Schedule& plan_;
    index read_bytes_, tile_bytes_, outer_bytes_, ring_bytes_, workspaces_;
    bool direct_;
    Buffer memory_, outer_, alpha_, barriers_;
};

template <class Tile>
void run_forward(const Call& call, Control& control, const Matrices<typename Tile::scalar>& m, const Schedule& plan) {
    // The rates lie as a tile does, as near as one; the first step alone reads a copy, each thread its own.
    const bool direct = call.batch == Tile::WIDTH && call.window == 1 && rates_stay(call, plan) && !outgrown<Tile>(call, plan) &&
                        (reinterpret_cast<std::uintptr_t>(call.rates) | reinterpret_cast<std::uintptr_t>(call.states)) % LINE == 0;
    const index workspaces = !direct && (plan.team > 1 || plan.tiles < plan.threads) ? plan.tiles : plan.threads;
    const Tiles<Tile> tiles(call, control, m, plan, call.input.matrix.n_cols, workspaces, false, direct);
    auto body = [&](int member, int size) {
        tiles.each(member, size, [](const auto& sequence, const auto& share) { sequence.forward(share); });
    };
    on_threads(control, plan.threads, body);
}

// Room for the panels of all tiles, or of each thread's own tile.
template <class T>
class PanelMemory {
   public:
    PanelMemory(const Call& call, const Chunks& chunks, index step, int copies) {
        if (!Gradients<T>::wanted(call)) return;
        constexpr index LANES = ValueGradient<T>::LANES;
        const bool whole_window = chunks.lead > 1;
        panels_.step = step, panels_.lead = chunks.lead, panels_.own = whole_window ? 0 : call.hidden.matrix.fresh;
        panels_.delta_row = (chunks.steps * step + LANES - 1) / LANES * LANES;
        panels_.rate_row = (chunks.lead * step + panels_.delta_row + LANES - 1) / LANES * LANES;
        if (whole_window) find_offsets(call);
        const index late = whole_window ? 0 : call.hidden.matrix.n_late;
        const index neurons = call.neurons + GROUP;  // a short group is multiplied with rows behind it, to no end
        const bool rates = call.grad_values || call.grad_readout_values;
        const index inputs = call.grad_input_values ? call.input.matrix.n_cols : 0;
        const index outputs = (call.grad_readout_values || call.grad_readout_bias) && call.grad_output ? call.readout.matrix.n_rows : 0;
        sizes_[0] = neurons * panels_.delta_row, sizes_[1] = rates ? (neurons + late) * panels_.rate_row : 0;
        sizes_[2] = inputs * panels_.delta_row, sizes_[3] = outputs * panels_.delta_row;
        for (const index size : sizes_) bytes_ += aligned(size * sizeof(T));
        memory_ = Buffer(copies * bytes_);
    }
    Panels<T> panels(int copy) const {
        Panels<T> p = panels_;
        T** const to[] = {&p.deltas, &p.rates, &p.x, &p.grad_output};
        char* at = memory_.template as<char>() + copy * bytes_;
        for (int k = 0; k < 4; ++k) {
            *to[k] = sizes_[k] ? reinterpret_cast<T*>(at) : nullptr;
            at += aligned(sizes_[k] * sizeof(T));
        }
        return p;
    }
    // This member's part of one copy, for what no step writes to: ends of rows, and steps that a chunk has not.
    void clear(int copy, int member, int size) const {
        const index from = bytes_ / LINE * member / size * LINE, to = bytes_ / LINE * (member + 1) / size * LINE;
        if (from < to) std::memset(memory_.template as<char>() + copy * bytes_ + from, 0, to - from);
    }

   private:
    void find_offsets(const Call& call) {
        const Pattern& p = call.hidden.matrix;
        const auto begin = [&](index row, index steps) { return row * panels_.rate_row + (panels_.lead - 1 - steps) * panels_.step; };
        offsets_.resize(call.neurons + p.n_late);
        for (index i = 0; i < call.neurons; ++i) offsets_[p.fresh + i] = begin(i, 0);
        for (index k = 0; k < p.n_late; ++k) offsets_[p.late + k] = begin(p.late_row[k], p.late_steps[k]);
        panels_.offset = offsets_.data();
    }

    Panels<T> panels_{};
    std::vector<index> offsets_;
    index sizes_[4] = {}, bytes_ = 0;
    Buffer memory_;
};

// Each thread takes its tiles back through time and sums up the gradient of the values on the way, some
// steps at a time, while what it needs for that still lies in its own cache.
template <class Tile>
void run_backward_alone(const Call& call, Control& control, const Matrices<typename Tile::scalar>& m, const Schedule& plan, const Chunks& chunks) {
    using T = typename Tile::scalar;
    const Tiles<Tile> tiles(call, control, m, plan, call.readout.matrix.n_rows, plan.threads, true);
    const Gradients<T> gradients(call, plan.threads, plan.threads);
    const PanelMemory<T> memory(call, chunks, Tile::WIDTH, plan.threads);
    auto body = [&](int member, int size) {
        bool cleared = false;
        tiles.each(member, size, [&](const auto& sequence, Share<T> share) {
            // A shorter chunk to start with and a narrower tile find zeros where they write nothing.
            if (!cleared || call.steps % chunks.steps || share.width < Tile::WIDTH) memory.clear(member, 0, 1);
            cleared = true;
            share.panels = memory.panels(member);
            sequence.start_backward(share);
            chunks.each(call.steps, [&](index first, index until) {
                sequence.backward(share, first, until);
                if (Gradients<T>::wanted(call) && !control.stopped(member))
                    gradients.add(share.panels, 0, m.hidden.n_groups, chunks.columns, false, control, member, member);
            });
            sequence.end_backward(share);
        });
    };
    on_threads(control, plan.threads, body);
    gradients.finish(control);
    if (call.grad_alpha) tiles.finish_alpha();
}

// All tiles go back some steps, then all threads sum up the gradient of the values, each for its neurons.
template <class Tile>
void run_backward_together(const Call& call, Control& control, const Matrices<typename Tile::scalar>& m, const Schedule& plan,
                           const Chunks& chunks) {
    using T = typename Tile::scalar;
    const Tiles<Tile> tiles(call, control, m, plan, call.readout.matrix.n_rows, plan.tiles, true);
    const Gradients<T> gradients(call, 1, call.threads);
    const PanelMemory<T> memory(call, chunks, plan.tiles * Tile::WIDTH, 1);
    auto clear_part = [&](int member, int size) { memory.clear(0, member, size); };
    on_threads(control, chunks.threads, clear_part);
    chunks.each(call.steps, [&](index first, index until) {
        auto sequence_part = [&](int member, int size) {
            tiles.each(member, size, [&](const auto& sequence, Share<T> share) {
                share.panels = memory.panels(0);
                share.column = share.start;
                if (until == call.steps) sequence.start_backward(share);
                sequence.backward(share, first, until);
                if (first == 0) sequence.end_backward(share);
            });
        };
        auto values_part = [&](int member, int size) {
            index from, to;
            divide(m.hidden.n_groups, member, size, [&](index g) { return gradients.work(g); }, from, to);
            gradients.add(memory.panels(0), from, to, chunks.columns, chunks.outgrown, control, 0, member);
        };
        if (!control.was_stopped()) on_threads(control, plan.threads, sequence_part);
        if (Gradients<T>::wanted(call) && !control.was_stopped()) on_threads(control, chunks.threads, values_part);
    });
    gradients.finish(control);
    if (call.grad_alpha) tiles.finish_alpha();
}

template <class T, class Run, int Bytes = WIDEST>
void with_tile(int bytes, Run run) {
    constexpr int REGISTER = Bytes < BYTES ? Bytes : BYTES;
    if (bytes == Bytes)
        run(Tile<T, REGISTER, Bytes / REGISTER>{});
    else if constexpr (Bytes > NARROWEST)
        with_tile<T, Run, Bytes / 2>(bytes, run);
}

template <class T>
void forward_of(const Call& call, Control& control) {
    const Ordered<T> hidden(call, control, call.hidden, call.values, false), input(call, control, call.input, call.input_values, false);
    const Ordered<T> readout(call, control, call.readout, call.readout_values, false);
    const Matrices<T> m{hidden.matrix, input.matrix, readout.matrix};
    const Schedule plan = schedule(call, call.hidden.matrix, call.batch * index(sizeof(T)), m);
    with_tile<T>(plan.bytes, [&](auto tile) { run_forward<decltype(tile)>(call, control, m, plan); });
}

template <class T>
void backward_of(const Call& call, Control& control) {
    const Ordered<T> hidden(call, control, call.hidden, call.values, true), readout(call, control, call.readout, call.readout_values, true);
    const Ordered<T> input(call, control, call.input, call.input_values, true);  // read for the gradient of x alone
    const Matrices<T> m{hidden.matrix, input.matrix, readout.matrix};
    const Schedule plan = schedule(call, call.hidden.transposed, call.batch * index(sizeof(T)), m);
    const Chunks chunks = Gradients<T>::wanted(call) ? chunks_of<T>(call, plan) : Chunks{call.steps, call.neurons, 1, plan.team == 1, false, 1};
    with_tile<T>(plan.bytes, [&](auto tile) {
        if (chunks.alone)
            run_backward_alone<decltype(tile)>(call, control, m, plan, chunks);
        else
            run_backward_together<decltype(tile)>(call, control, m, plan, chunks);
    });
}

Status forward(const Call& call, Control& control) {
    call.is_double ? forward_of<double>(call, control) : forward_of<float>(call, control);
    return control.was_stopped() ? INTERRUPTED : DONE;
}

Status backward(const Call& call, Control& control) {
    call.is_double ? backward_of<double>(call, control) : backward_of<float>(call, control);
    return control.was_stopped() ? INTERRUPTED : DONE;
}

}  // namespace

extern const Kernels kernels;
const Kernels kernels{forward, backward};

}  // namespace graphrnn::GRAPHRNN_ISA
