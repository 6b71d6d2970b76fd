// What dualpath.hpp costs beyond the calls of C. Each function of ways.cpp makes the same calls in
// either way, and a child that goes step by step counts its instructions: where all calls succeed,
// three more for each call of the library are the most, which is how compilers differ in stores and
// registers.
#include "ways.hpp"

#include "check.hpp"

#include <csignal>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

namespace {

constexpr int skipped = 77;
constexpr long allowed_for_a_call = 3;

int wait_for_stop(pid_t child) {
    int status = 0;
    CHECK(waitpid(child, &status, 0) == child);
    return WIFSTOPPED(status) ? WSTOPSIG(status) : 0;
}

// Of a call that returns true, and of the stops around it.
template <class Call> long steps_of(Call call) {
    const pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        if (ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) != 0) {
            _exit(2);
        }
        kill(getpid(), SIGSTOP);
        const bool right = call();
        kill(getpid(), SIGSTOP);
        _exit(right ? 0 : 1);
    }
    if (wait_for_stop(child) != SIGSTOP) {
        std::puts("cost: skipped: no process may be traced here");
        std::exit(skipped);
    }
    long count = 0;
    int stopped_by = 0;
    do {
        CHECK(ptrace(PTRACE_SINGLESTEP, child, nullptr, nullptr) == 0);
        stopped_by = wait_for_stop(child);
        count++;
    } while (stopped_by == SIGTRAP);
    CHECK(stopped_by == SIGSTOP);
    CHECK(ptrace(PTRACE_CONT, child, nullptr, nullptr) == 0);
    int status = 0;
    CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0);
    return count;
}

template <class Call> long instructions_of(Call call) {
    return steps_of(call) - steps_of([] { return true; });
}

template <class Call> int calls_of(Call call) {
    const int before = calls;
    CHECK(call());
    return calls - before;
}

bool failed = false;

template <class InC, class InCpp> void compare(const char *what, InC in_c, InCpp in_cpp) {
    const int count = calls_of(in_c);
    CHECK(count > 0 && calls_of(in_cpp) == count);
    const long of_c = instructions_of(in_c);
    const long more = instructions_of(in_cpp) - of_c;
    std::printf("cost: %s: %d calls, %ld instructions in C, %+ld in C++\n", what, count, of_c,
                more);
    CHECK(of_c > count);
    failed |= more > allowed_for_a_call * count;
}

} // namespace

int main() {
    const dp_frame frame = {};
    dualpath::Model model = std::move(*dualpath::Model::open(""));
    dualpath::Session session = std::move(*dualpath::Session::create(model));
    dualpath::Stream stream = std::move(*dualpath::Stream::create(session));
    const auto open = [&] { return open_and_classify_in_c("", &frame) == 7; };
    const auto classify = [&] { return classify_in_c(session.get(), &frame, 1) == 7; };
    const auto watch = [&] { return watch_in_c(stream.get(), &frame) == 1.0F; };
    compare("open, values", open, [&] { return open_and_classify_with_values("", &frame) == 7; });
    compare("classify, values", classify,
            [&] { return classify_with_values(session, &frame, 1) == 7; });
    compare("watch, values", watch, [&] { return watch_with_values(stream, &frame) == 1.0F; });
#if defined(__cpp_exceptions)
    compare("open, exceptions", open,
            [&] { return open_and_classify_with_exceptions("", &frame) == 7; });
    compare("classify, exceptions", classify,
            [&] { return classify_with_exceptions(session, &frame, 1) == 7; });
    compare("watch, exceptions", watch,
            [&] { return watch_with_exceptions(stream, &frame) == 1.0F; });
#endif
    return failed ? 1 : 0;
}
