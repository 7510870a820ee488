// Runs the native library by itself, over many sizes, tiles, teams and numbers of threads, and compares each
// result with that of one thread. Built with -fsanitize=thread it looks for races: torch's OpenMP threads
// would hide them from the sanitizer, and without OpenMP the library starts threads of its own.
// docs/building.md says how to build and run it; it needs no torch and no Python.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <random>
#include <utility>
#include <vector>

#include "../graphrnn/kernels/native/src/api.hpp"

extern "C" {
int graphrnn_best_isa();
int graphrnn_forward(const graphrnn::Setup*, const graphrnn::Tensors*);
int graphrnn_backward(const graphrnn::Setup*, const graphrnn::Tensors*);
int graphrnn_count_blocks(const graphrnn::Pattern*, int, std::int64_t*, std::int64_t*);
int graphrnn_find_blocks(const graphrnn::Pattern*, int, std::int32_t*, std::int32_t*, std::int32_t*, std::int32_t*, std::int32_t*,
                         std::int32_t*);
}

namespace {

using Ints = std::vector<std::int32_t>;
std::mt19937 generator(0);

int choose(std::initializer_list<int> from) { return from.begin()[generator() % from.size()]; }

// The first rows of groups of up to eight, and their number.
Ints grouped(int n_rows, bool even) {
    Ints groups;
    for (int row = 0; row < n_rows; row += even ? 8 : choose({1, 2, 7, 8, 8})) groups.push_back(row);
    groups.push_back(n_rows);
    return groups;
}

// Where the synapses are, some in blocks.
struct Rows {
    Ints start, col, parts[6], late_row, late_steps;
    std::vector<std::uint16_t> narrow;
    graphrnn::Pattern pattern{};
    void finish(const Ints& groups, int n_cols, int shared) {
        const std::int64_t n_rows = std::int64_t(start.size()) - 1, n = std::int64_t(col.size()), n_groups = std::int64_t(groups.size()) - 1;
        std::int64_t blocks = 0, rest = 0;
        pattern = {n_rows, n_cols, n, n_groups, groups.data(), nullptr, nullptr, nullptr, start.data(), col.data(), nullptr};
        pattern.reach = n_cols;
        graphrnn_count_blocks(&pattern, shared, &blocks, &rest);
        if (blocks) in_blocks(n_rows, n_groups, blocks, rest, shared);
        narrow.assign(pattern.rest_col, pattern.rest_col + (blocks ? rest : n));
        if (!narrow.empty() && generator() % 2) pattern.rest_narrow = narrow.data();
    }
    void in_blocks(std::int64_t n_rows, std::int64_t n_groups, std::int64_t blocks, std::int64_t rest, int shared) {
        const std::int64_t sizes[6] = {n_groups + 1, blocks, blocks * 8, n_rows + 1, rest, rest};
        for (int k = 0; k < 6; ++k) parts[k].resize(sizes[k] + 1);  // never a null pointer
        graphrnn_find_blocks(&pattern, shared, parts[0].data(), parts[1].data(), parts[2].data(), parts[3].data(), parts[4].data(), parts[5].data());
        pattern.block_start = parts[0].data(), pattern.block_col = parts[1].data(), pattern.block_source = parts[2].data();
        pattern.rest_start = parts[3].data(), pattern.rest_col = parts[4].data(), pattern.rest_source = parts[5].data();
    }
    void late(int n_late, int first, int fresh) {
        pattern.late_row = late_row.data(), pattern.late_steps = late_steps.data();
        pattern.n_late = n_late, pattern.late = first, pattern.fresh = fresh;
    }
};

template <class T>
std::vector<T> numbers(std::int64_t size, double scale) {
    std::normal_distribution<double> normal(0, scale);
    std::vector<T> result(size + 1);
    for (T& number : result) number = T(normal(generator));
    return result;
}

template <class T>
T* on_a_line(std::vector<T>& room) {
    return reinterpret_cast<T*>((reinterpret_cast<std::uintptr_t>(room.data()) + 63) / 64 * 64);
}

// One sparse matrix, its transpose, its values and their gradient. Under delays there is a column for each
// neuron and step of the window, before those without delay; in the transpose behind them.
template <class T>
struct Matrix {
    Rows rows, columns;
    Ints permutation;
    std::vector<T> values, grad;
    Matrix(const Ints& post, const Ints& pre, double density, int shared, int window = 1) {  // from the groups of both sides
        const int n_post = post.back(), n_pre = pre.back();
        const int n_late = (window - 1) * n_pre;
        std::vector<Ints> at(n_pre), source(n_pre);
        rows.start = {0};
        for (int i = 0; i < n_post; ++i) {
            for (int column = 0; column < window * n_pre; ++column)
                if (generator() < density / window * 4294967296.0) {
                    const int steps = window - 1 - column / n_pre, j = column % n_pre;
                    at[j].push_back(steps * n_post + i), source[j].push_back(int(rows.col.size()));
                    rows.col.push_back(column);
                }
            rows.start.push_back(int(rows.col.size()));
        }
        columns.start = {0};
        for (int j = 0; j < n_pre; ++j) {
            std::vector<std::pair<int, int>> sorted;
            for (std::size_t k = 0; k < at[j].size(); ++k) sorted.emplace_back(at[j][k], source[j][k]);
            std::sort(sorted.begin(), sorted.end());
            for (const auto& [column, k] : sorted) columns.col.push_back(column), permutation.push_back(k);
            columns.start.push_back(int(columns.col.size()));
        }
        values = numbers<T>(std::int64_t(rows.col.size()), 0.3), grad.resize(values.size());
        permutation.push_back(0);
        rows.finish(post, n_pre + n_late, shared), columns.finish(pre, window * n_post, shared);
        for (int k = 0; k < n_late; ++k) {
            rows.late_row.push_back(k % n_pre), rows.late_steps.push_back(window - 1 - k / n_pre);
            columns.late_row.push_back(k % n_pre), columns.late_steps.push_back(1 + k / n_pre);
        }
        rows.late(n_late, 0, n_late), columns.late(n_late, n_post, 0);
    }
    graphrnn::Layer layer() {
        return {rows.pattern, columns.pattern, permutation.data()};
    }
    void* gradient() { return rows.pattern.n_synapses ? grad.data() : nullptr; }
};

template <class T>
double difference(const std::vector<std::vector<T>>& a, const std::vector<std::vector<T>>& b) {
    double largest = 0;
    for (std::size_t k = 0; k < a.size(); ++k) {
        double size = 1e-30, error = 0;
        for (std::size_t i = 0; i < a[k].size(); ++i)
            size = std::fmax(size, std::fabs(b[k][i])), error = std::fmax(error, std::fabs(double(a[k][i]) - double(b[k][i])));
        largest = std::fmax(largest, error / size);
    }
    return largest;
}

// One network under many schedules; false where a result differs from that of one thread.
template <class T>
bool network() {
    const int n = choose({1, 9, 40, 130}), steps = choose({1, 2, 5, 14}), batch = choose({1, 3, 4, 8, 16, 16, 33, 70});
    const int window = choose({1, 1, 2, 7}), shared = choose({1, 3, 9}), n_inputs = choose({0, 2, 9}), n_readouts = choose({0, 1, 9});
    const Ints neurons = grouped(n, generator() % 2), inputs = grouped(n_inputs, true), readouts = grouped(n_readouts, true);
    Matrix<T> hidden(neurons, neurons, choose({0, 10, 50}) / 100.0, shared, window), input(neurons, inputs, 0.5, shared);
    Matrix<T> readout(readouts, neurons, 0.5, shared);
    const std::int64_t state = std::int64_t(n) * batch, all = state * steps, outer = std::int64_t(steps) * batch;
    auto x = numbers<T>(outer * n_inputs, 1), bias = numbers<T>(n, 0.1), drive = numbers<T>(all, 1), alpha = numbers<T>(n, 0.05);
    auto v0 = numbers<T>(state, 1), r0 = numbers<T>(window * state, 1), noise = numbers<T>(all, 0.1);
    auto grad_rates = numbers<T>(all, 1), grad_output = numbers<T>(outer * n_readouts, 1), grad_v = numbers<T>(state, 1);
    auto readout_bias = numbers<T>(n_readouts, 0.1);
    for (T& a : alpha) a = T(0.5) + a;
    const bool same_start = generator() % 3 == 0, rates_of_v0 = window == 1 && generator() % 2 == 0;
    const auto order = graphrnn::Order(choose({graphrnn::TIME_ROW_TRIAL, graphrnn::TRIAL_TIME_ROW, graphrnn::TIME_TRIAL_ROW}));
    std::vector<std::vector<T>> expected;
    for (int trial = 0; trial < 6; ++trial) {
        graphrnn::Call call{};
        call.steps = steps, call.neurons = n, call.batch = batch, call.is_double = sizeof(T) == 8, call.activation = graphrnn::TANH;
        call.window = window, call.threads = trial ? choose({1, 2, 3, 4}) : 1;
        call.isa = int(generator() % (graphrnn_best_isa() + 1)), call.noisy = 1, call.cache_bytes = choose({1, 4096, 1 << 20});
        const bool fixed = trial && generator() % 4;
        call.tile_bytes = fixed ? choose({16, 32, 64}) : 0, call.team = fixed ? choose({1, call.threads}) : 0;
        call.hidden = hidden.layer(), call.input = input.layer(), call.readout = readout.layer();
        call.values = hidden.values.data(), call.input_values = input.values.data(), call.readout_values = readout.values.data();
        call.x = x.data(), call.bias = bias.data(), call.drive = drive.data(), call.alpha = alpha.data();
        call.v0 = v0.data(), call.r0 = rates_of_v0 ? nullptr : r0.data(), call.noise = noise.data();
        call.same_start = same_start, call.order = order, call.readout_bias = readout_bias.data();
        // At the beginning of a line, where the library may write past the caches, or not.
        const std::int64_t line = 64 / sizeof(T);
        std::vector<T> room_of_rates(all + 2 * line), room_of_states(all + 2 * line);
        T *const rates = on_a_line(room_of_rates) + generator() % 2, *const states = on_a_line(room_of_states) + generator() % 2;
        std::vector<T> v_last(state), output(outer * n_readouts + 1);
        std::vector<T> grad_x(outer * n_inputs + 1), grad_bias(n), grad_drive(all), grad_alpha(n), grad_v0(state), grad_r0(window * state),
            grad_readout_bias(n_readouts + 1);
        call.rates = rates, call.states = states, call.v_last = v_last.data(), call.output = output.data();
        call.release = [] { return static_cast<void*>(nullptr); }, call.acquire = [](void*) {}, call.interrupted = [] { return 0; };
        if (graphrnn_forward(&call, &call) != graphrnn::DONE) return false;
        call.grad_rates = grad_rates.data(), call.grad_output = n_readouts ? grad_output.data() : nullptr, call.grad_v_last = grad_v.data();
        call.grad_values = hidden.gradient(), call.grad_input_values = input.gradient(), call.grad_readout_values = readout.gradient();
        call.grad_x = n_inputs ? grad_x.data() : nullptr;
        call.grad_bias = grad_bias.data(), call.grad_readout_bias = grad_readout_bias.data();
        call.grad_drive = grad_drive.data();
        call.grad_alpha = grad_alpha.data(), call.grad_v0 = grad_v0.data(), call.grad_r0 = grad_r0.data();
        if (graphrnn_backward(&call, &call) != graphrnn::DONE) return false;
        const std::vector<std::vector<T>> result{
            std::vector<T>(rates, rates + all), v_last, output, hidden.grad, input.grad, readout.grad, grad_x,
            grad_bias, grad_drive, grad_alpha, grad_v0, grad_r0, grad_readout_bias};
        if (!trial) expected = result;
        const double error = difference(result, expected);
        if (!(error <= (sizeof(T) == 8 ? 1e-11 : 3e-4))) {
            std::printf("off by %g: neurons %d steps %d batch %d threads %d isa %d tile %d team %d\n", error, n, steps, batch, call.threads,
                        call.isa, call.tile_bytes, call.team);
            return false;
        }
    }
    return true;
}

}  // namespace

int main(int argc, char** argv) {
    const int count = argc > 1 ? std::atoi(argv[1]) : 100;
    int wrong = 0;
    for (int k = 0; k < count; ++k) wrong += k % 2 ? !network<double>() : !network<float>();
    std::printf("%d networks, %d wrong\n", count, wrong);
    return wrong != 0;
}
