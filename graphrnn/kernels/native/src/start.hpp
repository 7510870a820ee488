// Where a sequence starts.
#pragma once
#include "activations.hpp"
#include "threads.hpp"

namespace graphrnn::GRAPHRNN_ISA {

// A call whose v0 and r0 are (neuron, batch), whatever the caller gave of them.
template <class T>
class Started {
   public:
    explicit Started(const Call& given) : call(given) {
        const index batch = given.batch, size = given.neurons * batch;
        if (given.same_start) {
            v0_ = Buffer(size * sizeof(T));
            const T* column = static_cast<const T*>(given.v0);
            for (index i = 0; i < given.neurons; ++i)
                for (index b = 0; b < batch; ++b) v0_.as<T>()[i * batch + b] = column[i];
            call.v0 = v0_.as<T>();
        }
        if (!given.r0) {
            using S = Simd<T, BYTES>;
            r0_ = Buffer(size * sizeof(T));
            for (index k = 0; k < size; k += S::LANES) {
                const int n = size - k < S::LANES ? int(size - k) : S::LANES;
                typename S::vec x = S::load(static_cast<const T*>(call.v0) + k, n);
                Math<S>::rates(given.activation, &x, 1);
                S::store(r0_.as<T>() + k, x, n);
            }
            call.r0 = r0_.as<T>();
        }
    }
    Call call;

   private:
    Buffer v0_, r0_;
};

}  // namespace graphrnn::GRAPHRNN_ISA
