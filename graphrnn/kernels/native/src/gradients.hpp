// Sums of the gradients of the values and the bias while a backward pass goes on.
#pragma once
#include "sequence.hpp"
#include "values.hpp"

namespace graphrnn::GRAPHRNN_ISA {

inline index aligned(index bytes) { return (bytes + 127) / 64 * 64; }

// A lambda on all threads of the call.
template <class Body>
void on_threads(Control& control, int threads, Body& body) {
    control.parallel(threads, [](void* data, int member, int size) { (*static_cast<Body*>(data))(member, size); }, &body);
}

// The values of one matrix: `sets` sums, one for each thread that works on its own part of the batch.
template <class T>
class LayerGradient {
   public:
    LayerGradient(const Pattern& pattern, const std::int32_t* permutation, void* target, int sets)
        : pattern_(pattern), permutation_(permutation), target_(static_cast<T*>(target)), sets_(sets) {
        if (!target_) return;
        n_rest_ = pattern.rest_start ? pattern.rest_start[pattern.n_rows] : 0;
        n_blocks_ = pattern.block_start ? pattern.block_start[pattern.n_groups] : 0;
        in_place_ = sets == 1 && !permutation && !pattern.rest_source && n_blocks_ == 0;
        set_ = aligned((n_rest_ + n_blocks_ * GROUP) * sizeof(T)) / sizeof(T);
        if (!in_place_) sums_ = Buffer(sets * set_ * sizeof(T));
        std::memset(in_place_ ? target_ : sums_.template as<T>(), 0, (in_place_ ? n_rest_ : sets * set_) * sizeof(T));
    }
    bool wanted() const { return target_ && pattern_.n_synapses; }
    const Pattern& pattern() const { return pattern_; }
    T* rest(int set) const { return in_place_ ? target_ : sums_.template as<T>() + set * set_; }
    T* blocks(int set) const { return in_place_ ? nullptr : rest(set) + n_rest_; }

    // The sums of all sets, to where the synapses have their values.
    void finish(Control& control, int threads) const {
        if (!wanted() || in_place_) return;
        auto body = [&](int member, int size) {
            const auto put = [&](index source, index k) {
                T total = 0;
                for (int set = 0; set < sets_; ++set) total += rest(set)[k];
                target_[permutation_ ? permutation_[source] : source] = total;
            };
            for (index k = n_rest_ * member / size, end = n_rest_ * (member + 1) / size; k < end; ++k)
                put(pattern_.rest_source ? pattern_.rest_source[k] : k, k);
            const index n = n_blocks_ * GROUP;
            for (index k = n * member / size, end = n * (member + 1) / size; k < end; ++k)
                if (pattern_.block_source[k] >= 0) put(pattern_.block_source[k], n_rest_ + k);
        };
        on_threads(control, pattern_.n_synapses < 50000 ? 1 : threads, body);
    }

   private:
    const Pattern& pattern_;
    const std::int32_t* permutation_;
    T* target_;
    int sets_;
    index n_rest_ = 0, n_blocks_ = 0, set_ = 0;
    bool in_place_ = false;
    Buffer sums_;
};

// One bias for each row of a panel, in as many sets.
template <class T>
class BiasGradient {
   public:
    BiasGradient(void* target, index rows, int sets)
        : target_(static_cast<T*>(target)), rows_(rows), set_(aligned(rows * sizeof(T)) / sizeof(T)), sums_(target ? sets * set_ * sizeof(T) : 0) {
        if (target) std::memset(sums_.template as<T>(), 0, sets * set_ * sizeof(T));
    }
    void add(Rows<T> panel, index size, int set, index first, index end) const {
        using S = Simd<T, BYTES>;
        T* const sums = sums_.template as<T>() + set * set_;
        for (index i = first; target_ && i < end; ++i) {
            typename S::vec sum = {};
            for (index k = 0; k < size; k += S::LANES) sum += S::load(panel[i] + k);
            sums[i] += S::sum(sum);
        }
    }
    void finish(int sets) const {
        for (index i = 0; target_ && i < rows_; ++i) {
            T total = 0;
            for (int set = 0; set < sets; ++set) total += sums_.template as<T>()[set * set_ + i];
            target_[i] = total;
        }
    }

   private:
    T* target_;
    index rows_, set_;
    Buffer sums_;
};

// What the panels of some steps add to the gradients of all layers and of the biases.
template <class T>
class Gradients {
   public:
    // W_out is summed by neuron as the others are: its rows are those of the transpose.
    Gradients(const Call& call, int sets, int workers)
        : call_(call), sets_(sets), hidden_(call.hidden.matrix, nullptr, call.grad_values, sets),
          input_(call.input.matrix, nullptr, call.grad_input_values, sets),
          readout_(call.readout.transposed, call.readout.permutation, call.grad_readout_values, sets),
          cursor_size_(aligned(call.neurons * 4) + aligned(neurons().n_groups * 4)),
          cursors_(wanted(call) ? workers * cursor_size_ : 0),
          bias_(call.grad_bias, call.neurons, sets), readout_bias_(call.grad_readout_bias, call.readout.matrix.n_rows, sets) {}
    static bool wanted(const Call& call) {
        return call.grad_values || call.grad_input_values || call.grad_readout_values || call.grad_bias || call.grad_readout_bias;
    }

    // The groups [first, last) of neurons.
    void add(const Panels<T>& panels, index first, index last, index columns, bool outgrown, Control& control, int set, int member) const {
        const Rows<T> deltas{panels.deltas, panels.delta_row}, before{panels.rates, panels.rate_row};
        const T* own_rates = panels.rates + panels.own * panels.rate_row;
        const Rows<T> rates{own_rates + panels.lead * panels.step, panels.rate_row}, x{panels.x, panels.delta_row};
        const Rows<T> outer{panels.grad_output, panels.delta_row};
        auto* row_at = reinterpret_cast<std::int32_t*>(cursors_.as<char>() + member * cursor_size_);
        auto* block_at = row_at + aligned(call_.neurons * 4) / 4;
        const auto layer = [&](const LayerGradient<T>& g, Rows<T> left, auto right, index together, bool prefetch) {
            if (!g.wanted()) return;
            ValueGradient<T, decltype(right)>{g.pattern(), g.rest(set), g.blocks(set), row_at, block_at, left, right, panels.delta_row, together, prefetch}
                .add(first, last, control, member);
        };
        if (panels.offset)
            layer(hidden_, deltas, RowsAt<T>{panels.rates, panels.offset}, columns, outgrown);
        else
            layer(hidden_, deltas, before, columns, outgrown);
        layer(input_, deltas, x, columns, false);
        if (panels.grad_output) layer(readout_, rates, outer, columns, false);
        bias_.add(deltas, panels.delta_row, set, neurons().group_start[first], neurons().group_start[last]);
        if (panels.grad_output && member == set) readout_bias_.add(outer, panels.delta_row, set, 0, call_.readout.matrix.n_rows);
    }

    index work(index group) const {  // what a group costs, roughly
        index total = GROUP;
        for (const LayerGradient<T>* g : {&hidden_, &input_, &readout_}) {
            const Pattern& p = g->pattern();
            if (!g->wanted()) continue;
            const index begin = p.group_start[group], end = p.group_start[group + 1];
            total += p.rest_start[end] - p.rest_start[begin] + (p.block_start ? 3 * (p.block_start[group + 1] - p.block_start[group]) : 0);
        }
        return total;
    }

    void finish(Control& control) const {
        for (const LayerGradient<T>* g : {&hidden_, &input_, &readout_}) g->finish(control, call_.threads);
        bias_.finish(sets_), readout_bias_.finish(sets_);
    }

   private:
    const Pattern& neurons() const { return call_.hidden.transposed; }  // there in every backward pass, for its groups

    const Call& call_;
    int sets_;
    LayerGradient<T> hidden_, input_, readout_;
    index cursor_size_;
    Buffer cursors_;
    BiasGradient<T> bias_, readout_bias_;
};

}  // namespace graphrnn::GRAPHRNN_ISA
