// Runs the gather of gather.hpp over all threads, in the best instructions that the machine has.
#include <algorithm>

#include "gather.hpp"
#include "library.hpp"
#include "threads.hpp"

extern "C" int graphrnn_best_isa();

namespace {

using graphrnn::Gather;

struct Job {
    const Gather& gather;
    std::int64_t repeat;
};

// Each member takes whole rows with its share of the synapses, `repeat` times, and waits for nobody.
void share(void* pointer, int member, int size) {
    const Job& job = *static_cast<const Job*>(pointer);
    const Gather& g = job.gather;
    const std::int32_t* end = g.start + g.n_rows + 1;
    const auto row_at = [&](int part) {
        if (part == size) return g.n_rows;
        const std::int64_t synapse = std::int64_t(g.start[g.n_rows]) * part / size;
        return std::min<std::int64_t>(std::lower_bound(g.start, end, synapse) - g.start, g.n_rows);
    };
    const std::int64_t first = row_at(member), last = row_at(member + 1);
    auto run = graphrnn::generic::gather;
#if defined(GRAPHRNN_X86)
    const int isa = graphrnn_best_isa();
    if (isa == 1) run = graphrnn::avx2::gather;
    if (isa == 2) run = graphrnn::avx512::gather;
#endif
    for (std::int64_t i = 0; i < job.repeat; ++i) run(g, first, last);
}

}  // namespace

extern "C" {

EXPORT int graphrnn_gather(std::int64_t n_rows, const std::int32_t* start, const std::int32_t* col, const float* values,
                           const float* rates, float* out, std::int64_t repeat, int threads) {
    const Gather gather{n_rows, start, col, values, rates, out};
    Job job{gather, repeat};
    // The interpreter's lock is kept: a call is short.
    graphrnn::Control control([]() -> void* { return nullptr; }, [](void*) {}, [] { return 0; });
    control.parallel(threads, share, &job);
    return 0;
}
}
