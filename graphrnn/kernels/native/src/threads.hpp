// Threads of one call, their barrier, its memory, and the way out when the user interrupts.
#pragma once
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <utility>

namespace graphrnn {

// Memory: aligned to cache lines, on as many large pages as it fills. What is given back is kept, up to 256 MB in all,
// for whoever asks for as much again, because the system would clear the pages anew for each call.
void* take(std::size_t bytes);
void give(void* data, std::size_t bytes) noexcept;

// Memory of a call.
class Buffer {
   public:
    Buffer() = default;
    explicit Buffer(std::size_t bytes) : data_(take(bytes)), bytes_(bytes) {}
    Buffer(const Buffer&) = delete;
    Buffer& operator=(const Buffer&) = delete;
    Buffer(Buffer&& other) noexcept : data_(other.data_), bytes_(other.bytes_) { other.data_ = nullptr; }
    Buffer& operator=(Buffer&& other) noexcept {
        std::swap(data_, other.data_);
        std::swap(bytes_, other.bytes_);
        return *this;
    }
    ~Buffer() {
        if (data_) give(data_, bytes_);
    }
    template <class T>
    T* as() const { return static_cast<T*>(data_); }

   private:
    void* data_ = nullptr;
    std::size_t bytes_ = 0;
};

class Control {
   public:
    Control(void* (*release)(), void (*acquire)(void*), int (*interrupted)());
    ~Control();  // takes the interpreter's lock again

    // Runs body(data, member, size) on up to `threads` threads; the calling one is member 0.
    // Runs on the OpenMP threads of torch where it can find them, so that nobody's idle threads
    // spin against working ones.
    void parallel(int threads, void (*body)(void*, int, int), void* data);

    // True when the call is to end. The calling thread asks the interpreter every few milliseconds.
    bool stopped(int member) {
        if (member == 0) ask();
        return stop_.load(std::memory_order_relaxed);
    }
    bool was_stopped() const { return stop_.load(); }

   private:
    void ask();
    void* (*release_)();
    void (*acquire_)(void*);
    int (*interrupted_)();
    void* state_;
    std::int64_t last_;
    bool raised_ = false;
    std::atomic<bool> stop_{false};
};

// Where the threads of a team wait for one another; lets all pass once the call is to end.
class Barrier {
   public:
    void expect(int members) { members_ = members; }
    void wait(Control& control, int member);

   private:
    int members_ = 1;
    alignas(64) std::atomic<int> arrived_{0};
    alignas(64) std::atomic<int> phase_{0};
};

}  // namespace graphrnn
