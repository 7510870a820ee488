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

// What the standard of DLPack calls a managed tensor: how one library hands an array to another, with the function
// that ends it. Source: dmlc.github.io/dlpack, version 0.8; the fields and their order are fixed.
struct Managed {
    void* data;
    std::int32_t device_type, device;
    std::int32_t n_axes;
    std::uint8_t kind, bits;
    std::uint16_t lanes;
    std::int64_t *shape, *strides;
    std::uint64_t offset;
    void* owner;
    void (*end)(Managed*);
};
static_assert(sizeof(void*) != 8 || sizeof(Managed) == 64);
constexpr std::int32_t ON_CPU = 1;
constexpr std::uint8_t FLOAT = 2;
constexpr int AXES = 3;

struct Array {
    Managed managed;
    std::int64_t shape[AXES];
    std::size_t bytes;
};

void end(Managed* managed) {
    Array* const array = static_cast<Array*>(managed->owner);
    give(managed->data, array->bytes);
    delete array;
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

EXPORT int graphrnn_interface() { return graphrnn::INTERFACE; }

EXPORT int graphrnn_call_size() { return int(sizeof(graphrnn::Call)); }

EXPORT void* graphrnn_array(std::int64_t bytes, int bits, std::int64_t steps, std::int64_t rows, std::int64_t batch) {
    using namespace graphrnn;
    Array* const array = new (std::nothrow) Array{{}, {steps, rows, batch}, std::size_t(bytes)};
    if (!array) return nullptr;
    try {
        array->managed.data = take(std::size_t(bytes));
    } catch (const std::bad_alloc&) {
        delete array;
        return nullptr;
    }
    Managed& m = array->managed;
    m.device_type = ON_CPU, m.n_axes = AXES, m.kind = FLOAT, m.bits = std::uint8_t(bits), m.lanes = 1;
    m.shape = array->shape, m.owner = array, m.end = end;
    return &m;
}

EXPORT int graphrnn_forward(const graphrnn::Setup* setup, const graphrnn::Tensors* tensors) {
    return graphrnn::guarded(setup, tensors, [](const auto& kernels, const auto& c, auto& control) { return kernels.forward(c, control); });
}

EXPORT int graphrnn_backward(const graphrnn::Setup* setup, const graphrnn::Tensors* tensors) {
    return graphrnn::guarded(setup, tensors, [](const auto& kernels, const auto& c, auto& control) { return kernels.backward(c, control); });
}
}
