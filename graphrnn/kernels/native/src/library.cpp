#include "library.hpp"

#include <new>

#if defined(__unix__) || defined(__APPLE__)
#include <unistd.h>
#endif
#if defined(__APPLE__)
#include <sys/sysctl.h>
#endif

#include "api.hpp"
#include "threads.hpp"

namespace graphrnn {
namespace {

enum Isa : int { GENERIC, AVX2, AVX512 };

int best() {
#if defined(GRAPHRNN_X86)
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
        __builtin_cpu_supports("avx512bw"))
        return AVX512;
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return AVX2;
#endif
    return GENERIC;
}

const Kernels& kernels_of(int isa) {
#if defined(GRAPHRNN_X86)
    const int there = best();
    if (isa < 0 || isa > there) isa = there;
    if (isa == AVX512) return avx512::kernels;
    if (isa == AVX2) return avx2::kernels;
#endif
    (void)isa;
    return generic::kernels;
}

// What a core's own cache holds: level 2, or 1 MiB where the machine does not say.
std::int64_t cache_bytes() {
    std::int64_t bytes = 0;
#if defined(_SC_LEVEL2_CACHE_SIZE)
    bytes = sysconf(_SC_LEVEL2_CACHE_SIZE);
#elif defined(__APPLE__)
    std::size_t size = sizeof bytes;
    if (sysctlbyname("hw.perflevel0.l2cachesize", &bytes, &size, nullptr, 0) != 0) bytes = 0;
#endif
    return bytes > 0 ? bytes : 1 << 20;
}

template <class Pass>
int guarded(const Setup* setup, const Tensors* tensors, Pass pass) {
    Call call{*setup, *tensors};
    if (call.cache_bytes <= 0) call.cache_bytes = cache_bytes();
    // The interpreter's lock is given back in the call and held again once `control` is gone.
    try {
        Control control(call.release, call.acquire, call.interrupted);
        return pass(kernels_of(call.isa), call, control);
    } catch (const std::bad_alloc&) {
        return OUT_OF_MEMORY;
    }
}

}  // namespace
}  // namespace graphrnn

extern "C" {

EXPORT int graphrnn_best_isa() { return graphrnn::best(); }

EXPORT int graphrnn_call_size() { return int(sizeof(graphrnn::Call)); }

EXPORT void* graphrnn_take(std::int64_t bytes) {
    try {
        return graphrnn::take(std::size_t(bytes));
    } catch (const std::bad_alloc&) {
        return nullptr;
    }
}

EXPORT void graphrnn_give(void* data, std::int64_t bytes) { graphrnn::give(data, std::size_t(bytes)); }

EXPORT int graphrnn_forward(const graphrnn::Setup* setup, const graphrnn::Tensors* tensors) {
    return graphrnn::guarded(setup, tensors, [](const auto& kernels, const auto& c, auto& control) { return kernels.forward(c, control); });
}

EXPORT int graphrnn_backward(const graphrnn::Setup* setup, const graphrnn::Tensors* tensors) {
    return graphrnn::guarded(setup, tensors, [](const auto& kernels, const auto& c, auto& control) { return kernels.backward(c, control); });
}
}
