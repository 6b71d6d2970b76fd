/*
 * Signals of the host: its crash handlers see faults in our threads, and no other signal is taken
 * there. Handlers that interrupt system calls change no answer.
 */
#if !defined(_GNU_SOURCE)
#define _GNU_SOURCE
#endif
#include "small_session.h"

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- crash handlers ---- */

/* Exit statuses of a handler that was called in the calling thread, and in a worker. */
enum { REPORTED_CALLER = 42, REPORTED_WORKER = 43 };

static pthread_t caller;

static void report(int signal) {
    (void)signal;
    _exit(pthread_equal(pthread_self(), caller) ? REPORTED_CALLER : REPORTED_WORKER);
}

/* Classifies a clip whose frames cannot be read, but for the first. Loading that one takes the
 * calling thread long enough for the worker to come to the next. */
static void fault_in_a_clip(void) {
    const int32_t side = 4000;
    const size_t bytes = (size_t)side * (size_t)side * 3;
    uint8_t *good = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    uint8_t *gone = mmap(NULL, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    static dp_session *own; /* no leak: it is found in the process that the handler ends */
    dp_frame frames[SMALL_FRAMES];
    dp_clip clip;
    own = new_session(model, 2);
    caller = pthread_self();
    (void)signal(SIGSEGV, report);
    (void)signal(SIGBUS, report);
    for (size_t i = 0; i < SMALL_FRAMES; i++) {
        frames[i] = dp_frame_rgb24(i == 0 ? good : gone, side, side);
    }
    dp_clip_default(&clip);
    clip.frames = frames;
    clip.frame_count = SMALL_FRAMES;
    clip.sampling = DP_SAMPLING_GIVEN;
    (void)usleep(2000); /* the worker is asleep by then */
    (void)classify(own, &clip);
}

/* Which of the two threads reads what is gone is chance, so it is tried until a worker did. */
START_TEST(a_crash_handler_sees_faults_in_any_thread) {
    bool by_worker = is_under_valgrind();
    for (int round = 0; round < 200 && !by_worker; round++) {
        int status = 0;
        pid_t child = fork();
        if (child == 0) {
            fault_in_a_clip();
            _exit(0);
        }
        ck_assert_int_eq(waitpid(child, &status, 0), child);
        ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) >= REPORTED_CALLER,
                      "the handler was not called: status %#x", (unsigned)status);
        by_worker = WEXITSTATUS(status) == REPORTED_WORKER;
    }
    ck_assert(by_worker);
}
END_TEST

/* ThreadSanitizer has a thread of its own. */
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define HAS_OTHER_THREADS
#endif
#endif
#if defined(__SANITIZE_THREAD__)
#define HAS_OTHER_THREADS
#endif

#if defined(__linux__) && !defined(HAS_OTHER_THREADS)

/* The blocked signals of a thread of this process, signal 1 in bit 0. */
static uint64_t read_blocked_signals(const char *thread) {
    char path[64];
    char line[256];
    unsigned long long blocked = 0;
    (void)snprintf(path, sizeof path, "/proc/self/task/%.20s/status", thread);
    FILE *file = must(fopen(path, "r"), path);
    while (fgets(line, sizeof line, file) != NULL) {
        if (strncmp(line, "SigBlk:", 7) == 0) {
            blocked = strtoull(line + 7, NULL, 16);
        }
    }
    (void)fclose(file);
    return blocked;
}

static uint64_t bit_of(int signal) {
    return UINT64_C(1) << (signal - 1);
}

/* A thread that is starting has all signals blocked: it is given time. */
static uint64_t read_blocked_when_running(const char *thread) {
    uint64_t blocked = read_blocked_signals(thread);
    for (int i = 0; i < 1000 && (blocked & bit_of(SIGSEGV)) != 0; i++) {
        (void)usleep(1000);
        blocked = read_blocked_signals(thread);
    }
    return blocked;
}

START_TEST(workers_block_all_signals_but_faults) {
    static const int faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS, SIGABRT};
    static const int others[] = {SIGINT, SIGTERM, SIGALRM, SIGCHLD, SIGUSR1, SIGPROF};
    dp_session *own = new_session(model, 3);
    DIR *threads = must(opendir("/proc/self/task"), "/proc/self/task");
    const struct dirent *entry;
    size_t workers = 0;
    while ((entry = readdir(threads)) != NULL) {
        if (entry->d_name[0] == '.' || atol(entry->d_name) == (long)getpid()) {
            continue;
        }
        uint64_t blocked = read_blocked_when_running(entry->d_name);
        for (size_t i = 0; i < COUNT(faults); i++) {
            ck_assert_msg((blocked & bit_of(faults[i])) == 0, "signal %d is blocked", faults[i]);
        }
        for (size_t i = 0; i < COUNT(others); i++) {
            ck_assert_msg((blocked & bit_of(others[i])) != 0, "signal %d is taken", others[i]);
        }
        workers++;
    }
    (void)closedir(threads);
    ck_assert_uint_ge(workers, 2);
    dp_session_destroy(own);
}
END_TEST

#endif

/* ---- system calls that are interrupted ---- */

static volatile sig_atomic_t alarms;

static void count_alarm(int signal) {
    (void)signal;
    alarms = alarms + 1;
}

/* An alarm every 200 microseconds, which interrupts system calls: there is no SA_RESTART. */
static void start_alarms(void) {
    struct sigaction action;
    struct itimerval often = {{0, 200}, {0, 200}};
    memset(&action, 0, sizeof action);
    action.sa_handler = count_alarm;
    (void)sigemptyset(&action.sa_mask);
    ck_assert_int_eq(sigaction(SIGALRM, &action, NULL), 0);
    ck_assert_int_eq(setitimer(ITIMER_REAL, &often, NULL), 0);
}

static void stop_alarms(void) {
    struct itimerval never = {{0, 0}, {0, 0}};
    ck_assert_int_eq(setitimer(ITIMER_REAL, &never, NULL), 0);
}

START_TEST(interrupted_calls_answer_as_others) {
    test_clip clip = make_clip(SMALL_FRAMES, 64, 64);
    answer expected = classify(session, &clip.clip);
    start_alarms();
    while (alarms < (int)unless_brief(400, 100)) {
        dp_model *opened = open_golden(SMALL_MODEL);
        dp_session *own = new_session(opened, 3);
        answer got = classify(own, &clip.clip);
        ck_assert(same_bits(&got, &expected));
        dp_session_destroy(own);
        dp_model_close(opened);
    }
    stop_alarms();
    free_clip(&clip);
}
END_TEST

typedef struct piped {
    char path[64];
    const uint8_t *bytes;
    size_t size;
    int held; /* open for reading and writing */
} piped;

/* Writes a file into a pipe, slowly, so that the reader waits for each piece. */
static void *write_slowly(void *argument) {
    const piped *job = argument;
    sigset_t all;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_BLOCK, &all, NULL);
    for (size_t done = 0; done < job->size;) {
        size_t left = job->size - done;
        do {
            (void)usleep(2000);
        } while (left <= 4096 && alarms <= 10); /* the last bytes come after enough of them */
        ssize_t count = write(job->held, job->bytes + done, left < 4096 ? left : 4096);
        done += count > 0 ? (size_t)count : 0;
    }
    (void)close(job->held);
    return NULL;
}

/* The test holds the pipe open, so that opening it does not wait: only reads are interrupted. The
 * writer ends the file when it has written all and `held` is closed. */
START_TEST(a_pipe_is_read_to_its_end) {
    piped job;
    pthread_t writer;
    dp_model *opened = NULL;
    uint8_t *bytes = read_golden(SMALL_MODEL, &job.size);
    job.bytes = bytes;
    (void)snprintf(job.path, sizeof job.path, "/tmp/dualpath-pipe-%ld", (long)getpid());
    ck_assert_int_eq(mkfifo(job.path, 0600), 0);
    job.held = open(job.path, O_RDWR);
    ck_assert_int_ge(job.held, 0);
    ck_assert_int_eq(pthread_create(&writer, NULL, write_slowly, &job), 0);
    start_alarms();
    dp_status status = dp_model_open(job.path, NULL, &opened);
    stop_alarms();
    ck_assert_int_eq(pthread_join(writer, NULL), 0);
    (void)unlink(job.path);
    ck_assert_msg(status == DP_OK, "%s", dp_last_message());
    ck_assert_int_gt(alarms, 10);
    dp_model_close(opened);
    free(bytes);
}
END_TEST

int main(void) {
    random_seed("test_signals");
    Suite *suite = suite_create("signals");
    TCase *crashes = add_case(suite, "crash handlers", 120, set_up, tear_down);
    tcase_add_test(crashes, a_crash_handler_sees_faults_in_any_thread);
#if defined(__linux__) && !defined(HAS_OTHER_THREADS)
    tcase_add_test(crashes, workers_block_all_signals_but_faults);
#endif
    TCase *interrupted = add_case(suite, "interrupted calls", 120, set_up, tear_down);
    tcase_add_test(interrupted, interrupted_calls_answer_as_others);
    tcase_add_test(interrupted, a_pipe_is_read_to_its_end);
    return run_suite(suite);
}
