// Vectors of any width in the compiler's own vector types: one source for AVX-512, AVX2, SSE2, NEON.
// Compiled once per instruction set, each in a namespace of its own; nothing of the standard library
// that a linker could merge between them.
#pragma once
#include <cstdint>
#include <cstring>
#include <type_traits>
#include <utility>
#if defined(__SSE2__)
#include <immintrin.h>
#endif

#if defined(GRAPHRNN_AVX512)
#define GRAPHRNN_ISA avx512
#elif defined(GRAPHRNN_AVX2)
#define GRAPHRNN_ISA avx2
#else
#define GRAPHRNN_ISA generic
#endif
#define INLINE inline __attribute__((always_inline))
#define INLINE_LAMBDA __attribute__((always_inline))

namespace graphrnn::GRAPHRNN_ISA {

using index = std::int64_t;

#if defined(GRAPHRNN_AVX512)
constexpr int BYTES = 64;
constexpr int ACCUMULATORS = 16;  // of 32 registers
#elif defined(GRAPHRNN_AVX2)
constexpr int BYTES = 32;
constexpr int ACCUMULATORS = 8;  // of 16
#else
constexpr int BYTES = 16;
constexpr int ACCUMULATORS = 8;
#endif

template <class T> struct Integer;
template <> struct Integer<float> { using type = std::int32_t; };
template <> struct Integer<double> { using type = std::int64_t; };

// `Lanes` numbers of type T in one register.
template <class T, int Bytes>
struct Simd {
    using scalar = T;
    static constexpr int LANES = Bytes / int(sizeof(T));
    typedef T vec __attribute__((vector_size(Bytes)));
    typedef typename Integer<T>::type ints __attribute__((vector_size(Bytes)));

    // The same anywhere in an array. A type of its own, and not memcpy, tells the compiler that storing
    // numbers changes no pointers.
    typedef T anywhere __attribute__((vector_size(Bytes), aligned(sizeof(T))));

    static INLINE vec load(const T* from) { return *reinterpret_cast<const anywhere*>(from); }
    static INLINE void store(T* to, vec v) { *reinterpret_cast<anywhere*>(to) = v; }

    // Past the caches, to an address aligned to the register. `drain` afterwards.
    static INLINE void stream(T* to, vec v) {
#if defined(GRAPHRNN_AVX512)
        if constexpr (Bytes == 64) return _mm512_stream_si512(reinterpret_cast<__m512i*>(to), (__m512i)v);
#endif
#if defined(__AVX2__)
        if constexpr (Bytes == 32) return _mm256_stream_si256(reinterpret_cast<__m256i*>(to), (__m256i)v);
#endif
#if defined(__SSE2__)
        if constexpr (Bytes == 16) return _mm_stream_si128(reinterpret_cast<__m128i*>(to), (__m128i)v);
#endif
        store(to, v);
    }
    static INLINE void drain() {  // until then, other threads may not see what was streamed
#if defined(__SSE2__)
        _mm_sfence();
#endif
    }

    // Numbers that several sums need stay in their register: the compiler would read them again for each.
    static INLINE vec held(vec v) {
#if defined(GRAPHRNN_AVX512)
        asm("" : "+v"(v));
#elif defined(__SSE2__)
        asm("" : "+x"(v));
#endif
        return v;
    }

    // As many numbers as fill 16 bytes, again and again; and one of them in all lanes. So sums that multiply a register
    // by one number after the other read those four at a time: a load takes as long as a sum. (Masked, since gcc 12
    // warns of the others.)
    static constexpr int QUAD = 16 / int(sizeof(T));
    static INLINE vec repeat(const T* from) {
        typedef T quad __attribute__((vector_size(16), aligned(sizeof(T))));
        const quad found = *reinterpret_cast<const quad*>(from);
#if defined(GRAPHRNN_AVX512)
        if constexpr (Bytes == 64) return (vec)_mm512_maskz_broadcast_f32x4(0xffff, (__m128)found);
#endif
#if defined(__AVX2__)
        if constexpr (Bytes == 32) return (vec)_mm256_set_m128((__m128)found, (__m128)found);
#endif
        if constexpr (Bytes == 16) return (vec)found;
    }
    template <int Of>
    static INLINE vec pick(vec v) {
#if defined(GRAPHRNN_AVX512)
        if constexpr (Bytes == 64 && sizeof(T) == 4) return (vec)_mm512_maskz_permute_ps(0xffff, (__m512)v, Of * 0x55);
        if constexpr (Bytes == 64 && sizeof(T) == 8) return (vec)_mm512_maskz_permute_pd(0xff, (__m512d)v, Of * 0xff);
#endif
        return picked<Of>(v, std::make_integer_sequence<int, LANES>());
    }

    static INLINE vec zero() { return vec{}; }
    static INLINE vec fill(T x) { return x - vec{}; }

    // The first `n` lanes, zeros behind them; n from 0 to LANES.
    static INLINE vec load(const T* from, int n) {
        if (n >= LANES) return load(from);
#if defined(GRAPHRNN_AVX512)
        if constexpr (Bytes == 64 && sizeof(T) == 4)
            return (vec)_mm512_maskz_loadu_ps(__mmask16((1u << n) - 1), from);
        else if constexpr (Bytes == 64)
            return (vec)_mm512_maskz_loadu_pd(__mmask8((1u << n) - 1), from);
#endif
        T lanes[LANES] = {};
        for (int i = 0; i < n; ++i) lanes[i] = from[i];
        return load(lanes);
    }
    static INLINE void store(T* to, vec v, int n) {
        if (n >= LANES) return store(to, v);
#if defined(GRAPHRNN_AVX512)
        if constexpr (Bytes == 64 && sizeof(T) == 4)
            return _mm512_mask_storeu_ps(to, __mmask16((1u << n) - 1), (__m512)v);
        else if constexpr (Bytes == 64)
            return _mm512_mask_storeu_pd(to, __mmask8((1u << n) - 1), (__m512d)v);
#endif
        T lanes[LANES];
        store(lanes, v);
        for (int i = 0; i < n; ++i) to[i] = lanes[i];
    }

    // The same of numbers `apart` from each other.
    static INLINE vec load(const T* from, int n, index apart) {
        if (apart == 1) return load(from, n);
        if (n == LANES) return gathered(from, apart, std::make_integer_sequence<int, LANES>());
        T lanes[LANES] = {};
        for (int i = 0; i < n; ++i) lanes[i] = from[i * apart];
        return load(lanes);
    }
    static INLINE void store(T* to, vec v, int n, index apart) {
        if (apart == 1) return store(to, v, n);
        T lanes[LANES];
        store(lanes, v);
        for (int i = 0; i < n; ++i) to[i * apart] = lanes[i];
    }

    // Sum of all lanes, always in the same order.
    static INLINE T sum(vec v) { return within<LANES>(v)[0]; }

    // Adds the sums of four vectors to four numbers, each in that order: two vectors share one as soon as half of
    // each is left.
    static INLINE void add_sums(vec a, vec b, vec c, vec d, T* to) {
        if constexpr (LANES == 2) {
            to[0] += sum(a), to[1] += sum(b), to[2] += sum(c), to[3] += sum(d);
        } else {
            typedef T four __attribute__((vector_size(4 * sizeof(T)), aligned(sizeof(T))));
            const vec parts = within<LANES / 4>(folded<2>(folded<1>(a, b), folded<1>(c, d)));
            *reinterpret_cast<four*>(to) += firsts(parts, std::make_integer_sequence<int, 4>());
        }
    }

   private:
    template <int Of, int... Lane>
    static INLINE vec picked(vec v, std::integer_sequence<int, Lane...>) {
        return __builtin_shufflevector(v, v, (Lane / QUAD * QUAD + Of)...);
    }
    template <int... Lane>
    static INLINE vec gathered(const T* from, index apart, std::integer_sequence<int, Lane...>) {
        return vec{from[Lane * apart]...};
    }

    // Two vectors of `Parts` parts each: the lower half plus the upper half of every part, side by side.
    template <int Parts>
    static INLINE vec folded(vec a, vec b) {
        const std::make_integer_sequence<int, LANES> lanes;
        return halves<Parts, 0>(a, b, lanes) + halves<Parts, 1>(a, b, lanes);
    }
    template <int Parts, int Upper, int... Lane>
    static INLINE vec halves(vec a, vec b, std::integer_sequence<int, Lane...>) {
        constexpr int HALF = LANES / Parts / 2;
        return __builtin_shufflevector(a, b, (Lane / HALF * 2 * HALF + Upper * HALF + Lane % HALF)...);
    }

    // Each part of so many lanes folded until its first lane has the sum.
    template <int Size>
    static INLINE vec within(vec v) {
        if constexpr (Size == 1)
            return v;
        else
            return within<Size / 2>(v + swapped<Size / 2>(v, std::make_integer_sequence<int, LANES>()));
    }
    template <int By, int... Lane>
    static INLINE vec swapped(vec v, std::integer_sequence<int, Lane...>) {
        return __builtin_shufflevector(v, v, (Lane ^ By)...);
    }
    template <int... Part>
    static INLINE auto firsts(vec v, std::integer_sequence<int, Part...>) {
        return __builtin_shufflevector(v, v, (Part * (LANES / 4))...);
    }
};

}  // namespace graphrnn::GRAPHRNN_ISA
