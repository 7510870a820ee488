// Activations and their slopes over vectors. All exponentials come from one expm1, accurate to about
// 2 units in the last place relative to its result.
#pragma once
#include "api.hpp"
#include "simd.hpp"

namespace graphrnn::GRAPHRNN_ISA {

template <class T> struct Constants;
template <> struct Constants<float> {
    static constexpr int TERMS = 8, LOG_TERMS = 9, MANTISSA = 23, BIAS = 127;
    static constexpr float ROUND = 12582912.0f;  // 1.5 * 2^23: adding it rounds to a whole number
    static constexpr float LOWEST = -87.0f, HIGHEST = 88.0f;
    static constexpr float LN2_HIGH = 355.0f / 512, LN2_LOW = float(0.69314718055994530942 - 355.0 / 512);
};
template <> struct Constants<double> {
    static constexpr int TERMS = 14, LOG_TERMS = 18, MANTISSA = 52, BIAS = 1023;
    static constexpr double ROUND = 6755399441055744.0;
    static constexpr double LOWEST = -708.0, HIGHEST = 709.0;
    static constexpr double LN2_HIGH = 0x1.62e42feep-1, LN2_LOW = 0x1.a39ef35793c76p-33;  // of 32 bits and 53
};

// 1 / k!
template <class T>
constexpr T over_factorial(int k) {
    double product = 1;
    for (int i = 2; i <= k; ++i) product *= i;
    return T(1 / product);
}

template <class S>
struct Math {
    using T = typename S::scalar;
    using vec = typename S::vec;
    using ints = typename S::ints;
    using C = Constants<T>;

    // 2^n and e^r - 1 with e^x = 2^n e^r, |r| <= ln 2 / 2. NaN goes through.
    static INLINE vec reduced(vec x, vec& power) {
        x = x < C::LOWEST ? S::fill(C::LOWEST) : x;
        x = x > C::HIGHEST ? S::fill(C::HIGHEST) : x;
        const vec shifted = x * T(1.44269504088896340736) + C::ROUND;
        const vec n = shifted - C::ROUND;
        const vec r = (x - n * C::LN2_HIGH) - n * C::LN2_LOW;
        const ints exponent = ((ints)shifted - (ints)S::fill(C::ROUND) + C::BIAS) << C::MANTISSA;
        power = (vec)exponent;
        vec p = S::fill(over_factorial<T>(C::TERMS));
#pragma GCC unroll 16
        for (int k = C::TERMS - 1; k >= 1; --k) p = p * r + over_factorial<T>(k);
        return p * r;
    }
    static INLINE vec expm1(vec x) {
        vec power;
        const vec p = reduced(x, power);
        return power * p + (power - T(1));
    }
    static INLINE vec exp(vec x) {
        vec power;
        const vec p = reduced(x, power);
        return power * p + power;
    }
    // log(1 + z) for z in [0, 1]: 2 artanh(z / (2 + z)).
    static INLINE vec log1p(vec z) {
        const vec s = z / (z + T(2)), square = s * s;
        vec p = S::fill(T(1) / (2 * C::LOG_TERMS + 1));
#pragma GCC unroll 32
        for (int k = C::LOG_TERMS - 1; k >= 0; --k) p = p * square + T(1) / (2 * k + 1);
        return T(2) * s * p;
    }
    static INLINE vec tanh(vec x) {
        const vec e = expm1((x < T(0) ? x : -x) * T(2)), size = -e / (e + T(2));
        return x < T(0) ? -size : size;
    }
    static INLINE vec sigmoid(vec x) {
        const vec z = exp(x < T(0) ? x : -x);
        return (x < T(0) ? z : S::fill(1)) / (z + T(1));
    }
    static INLINE vec softplus(vec x) { return (x < T(0) ? S::zero() : x) + log1p(exp(x < T(0) ? x : -x)); }
    static INLINE vec relu(vec x) { return x < T(0) ? S::zero() : x; }
    static INLINE vec sign_of_rate(vec r) { return r > T(0) ? S::fill(1) : r * T(0); }

    template <class F>
    static INLINE void each(vec* v, int n, F f) {
        for (int i = 0; i < n; ++i) v[i] = f(v[i]);
    }
    static INLINE void rates(std::int32_t activation, vec* v, int n) {
        switch (activation) {
            case RELU: return each(v, n, relu);
            case TANH: return each(v, n, tanh);
            case SIGMOID: return each(v, n, sigmoid);
            case SOFTPLUS: return each(v, n, softplus);
            case RETANH: return each(v, n, [](vec x) { return relu(tanh(x)); });
            default: return;
        }
    }
    // f'(v) from r = f(v).
    static INLINE void slopes(std::int32_t activation, vec* r, int n) {
        switch (activation) {
            case RELU: return each(r, n, sign_of_rate);
            case TANH: return each(r, n, [](vec x) { return T(1) - x * x; });
            case SIGMOID: return each(r, n, [](vec x) { return x * (T(1) - x); });
            case SOFTPLUS: return each(r, n, [](vec x) { return -expm1(-x); });
            case RETANH: return each(r, n, [](vec x) { return sign_of_rate(x) * (T(1) - x * x); });
            default: return each(r, n, [](vec) { return S::fill(1); });
        }
    }
};

}  // namespace graphrnn::GRAPHRNN_ISA
