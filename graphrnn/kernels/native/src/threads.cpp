#include "threads.hpp"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <deque>
#include <mutex>
#include <new>
#include <thread>
#include <utility>
#include <vector>

#if defined(__unix__) || defined(__APPLE__)
#include <dlfcn.h>
#endif
#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace graphrnn {
namespace {

constexpr std::size_t LINE = 64, LARGE_PAGE = std::size_t(2) << 20;
constexpr std::int64_t ASK_EVERY_NS = 20'000'000;

std::int64_t now() {
    return std::chrono::duration_cast<std::chrono::nanoseconds>(
               std::chrono::steady_clock::now().time_since_epoch())
        .count();
}

struct OpenMP {
    void (*parallel)(void (*)(void*), void*, unsigned, unsigned) = nullptr;
    int (*member)() = nullptr;
    int (*size)() = nullptr;

    OpenMP() {
#if defined(__unix__)
        parallel = reinterpret_cast<decltype(parallel)>(dlsym(RTLD_DEFAULT, "GOMP_parallel"));
        member = reinterpret_cast<decltype(member)>(dlsym(RTLD_DEFAULT, "omp_get_thread_num"));
        size = reinterpret_cast<decltype(size)>(dlsym(RTLD_DEFAULT, "omp_get_num_threads"));
#endif
    }
    bool there() const { return parallel && member && size; }
};

const OpenMP& openmp() {
    static const OpenMP found;
    return found;
}

struct Task {
    void (*body)(void*, int, int);
    void* data;
};

void run_as_member(void* pointer) {
    const Task& task = *static_cast<const Task*>(pointer);
    task.body(task.data, openmp().member(), openmp().size());
}

void pause() {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    asm volatile("yield");
#endif
}

// Blocks that nobody holds, the one left longest first. Whoever finds the lock taken goes without, so that a
// process forked meanwhile does not wait for ever.
class Kept {
   public:
    void* take(std::size_t size) {
        const std::unique_lock<std::mutex> lock(mutex_, std::try_to_lock);
        if (!lock) return nullptr;
        const auto found = std::find_if(blocks_.begin(), blocks_.end(), [=](const Block& block) { return block.size == size; });
        if (found == blocks_.end()) return nullptr;
        void* const data = found->data;
        blocks_.erase(found), total_ -= size;
        return data;
    }
    void give(void* data, std::size_t size) noexcept {
        const std::unique_lock<std::mutex> lock(mutex_, std::try_to_lock);
        if (!lock || size < SMALLEST || size > MOST) return std::free(data);
        for (; total_ + size > MOST || blocks_.size() >= BLOCKS; blocks_.pop_front())
            std::free(blocks_.front().data), total_ -= blocks_.front().size;
        try {
            blocks_.push_back({data, size});
            total_ += size;
        } catch (const std::bad_alloc&) {
            std::free(data);
        }
    }

   private:
    static constexpr std::size_t SMALLEST = std::size_t(32) << 10, MOST = std::size_t(256) << 20, BLOCKS = 32;
    struct Block {
        void* data;
        std::size_t size;
    };
    std::mutex mutex_;
    std::deque<Block> blocks_;
    std::size_t total_ = 0;
};

Kept& kept() {
    static Kept* const blocks = new Kept;  // never destroyed: a tensor may outlive what ends with the process
    return *blocks;
}

std::size_t alignment(std::size_t bytes) { return bytes >= LARGE_PAGE / 2 ? LARGE_PAGE : LINE; }

// Whole units of the alignment, and never none.
std::size_t rounded(std::size_t bytes) { return (bytes + alignment(bytes)) / alignment(bytes) * alignment(bytes); }

void on_large_pages(void* data, std::size_t bytes) {
#if defined(__linux__) && defined(MADV_HUGEPAGE)
    madvise(data, bytes, MADV_HUGEPAGE);
#else
    (void)data, (void)bytes;
#endif
}

}  // namespace

void* take(std::size_t bytes) {
    const std::size_t size = rounded(bytes);
    if (void* const data = kept().take(size)) return data;
    void* const data = std::aligned_alloc(alignment(bytes), size);
    if (!data) throw std::bad_alloc();
    // Whole ones: the end of a block would take a large page of its own.
    if (bytes >= LARGE_PAGE) on_large_pages(data, bytes / LARGE_PAGE * LARGE_PAGE);
    return data;
}

void give(void* data, std::size_t bytes) noexcept { kept().give(data, rounded(bytes)); }

Control::Control(void* (*release)(), void (*acquire)(void*), int (*interrupted)())
    : release_(release), acquire_(acquire), interrupted_(interrupted), state_(release()), last_(now()) {}

Control::~Control() {
    if (!raised_) acquire_(state_);
}

void Control::ask() {
    if (raised_) return;
    const std::int64_t time = now();
    if (time - last_ < ASK_EVERY_NS) return;
    last_ = time;
    acquire_(state_);
    if (interrupted_() != 0) {
        raised_ = true;  // the lock stays ours: the exception that is set travels back to Python
        stop_.store(true);
    } else {
        state_ = release_();
    }
}

void Control::parallel(int threads, void (*body)(void*, int, int), void* data) {
    if (threads <= 1) return body(data, 0, 1);
    if (openmp().there()) {
        Task task{body, data};
        return openmp().parallel(run_as_member, &task, static_cast<unsigned>(threads), 0);
    }
    std::vector<std::thread> others;
    others.reserve(threads - 1);
    for (int member = 1; member < threads; ++member) others.emplace_back(body, data, member, threads);
    body(data, 0, threads);
    for (std::thread& other : others) other.join();
}

void Barrier::wait(Control& control, int member) {
    if (members_ <= 1) return;
    const int phase = phase_.load(std::memory_order_acquire);
    if (arrived_.fetch_add(1, std::memory_order_acq_rel) + 1 == members_) {
        arrived_.store(0, std::memory_order_relaxed);
        phase_.store(phase + 1, std::memory_order_release);
        return;
    }
    for (int spins = 0; phase_.load(std::memory_order_acquire) == phase; ++spins) {
        if (spins < 4000) {
            pause();
        } else {
            if (control.stopped(member)) return;
            std::this_thread::yield();
        }
    }
}

}  // namespace graphrnn
