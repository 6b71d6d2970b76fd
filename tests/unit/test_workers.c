/*
 * lib/os's threads: loops of one team, and of several teams on the same workers. Who works
 * where is seen from the inside of tasks, which wait for each other where an order matters; a wait
 * that lasts too long is a failure.
 */
#define _POSIX_C_SOURCE 200809L /* clock_gettime() */
#include "base/arena.h"
#include "base/message.h"
#include "clocks.h"
#include "os/threads.h"
#include "suite.h"
#include "support.h"

#include <check.h>
#include <fenv.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_THREADS 5
#define MAX_CALLERS 4
#define MAX_TASKS 200
#define PATIENCE 60 /* seconds */

/* ---- workers and teams ---- */

static void *memory_of(size_t size) {
    void *memory = aligned_alloc(DPI_ALIGNMENT, (size / DPI_ALIGNMENT + 1) * DPI_ALIGNMENT);
    ck_assert_ptr_nonnull(memory);
    memset(memory, 0xa5, size);
    return memory;
}

static dpi_workers *new_workers(size_t threads) {
    dpi_workers *workers = NULL;
    dpi_message message;
    ck_assert_int_eq(
        dpi_workers_start(memory_of(dpi_workers_size(threads)), threads, &workers, &message),
        DP_OK);
    ck_assert_uint_eq(dpi_workers_threads(workers), threads);
    return workers;
}

static void end_workers(dpi_workers *workers) {
    dpi_workers_stop(workers);
    free(workers);
}

static dpi_team *new_team(dpi_workers *workers) {
    dpi_team *team = NULL;
    dpi_message message;
    ck_assert_int_eq(dpi_team_start(memory_of(dpi_team_size()), workers, NULL, &team, &message),
                     DP_OK);
    ck_assert_uint_eq(dpi_team_threads(team), dpi_workers_threads(workers));
    return team;
}

static void end_team(dpi_team *team) {
    dpi_team_stop(team);
    free(team);
}

/* ---- waiting ---- */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;

static void add_one(int *number) {
    pthread_mutex_lock(&lock);
    ++*number;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
}

/* False when it does not happen. */
static bool reaches(const int *number, int expected) {
    struct timespec end;
    (void)clock_gettime(CLOCK_REALTIME, &end);
    end.tv_sec += PATIENCE;
    pthread_mutex_lock(&lock);
    int error = 0;
    while (*number < expected && error == 0) {
        error = pthread_cond_timedwait(&changed, &lock, &end);
    }
    bool reached = *number >= expected;
    pthread_mutex_unlock(&lock);
    return reached;
}

static int read_number(const int *number) {
    pthread_mutex_lock(&lock);
    int value = *number;
    pthread_mutex_unlock(&lock);
    return value;
}

static pthread_t start_thread(void *(*run)(void *), void *argument) {
    pthread_t thread;
    ck_assert_int_eq(pthread_create(&thread, NULL, run, argument), 0);
    return thread;
}

static void join_thread(pthread_t thread) {
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
}

/* ---- loops ---- */

/* A loop that watches itself. */
typedef struct watched {
    size_t count, threads;
    pthread_t caller;
    atomic_int done[MAX_TASKS];     /* how often each task ran */
    atomic_int inside[MAX_THREADS]; /* tasks that run as each thread */
    atomic_int wrong;
} watched;

static atomic_int computing, most_computing;

static void watch_task(void *context, size_t index, size_t thread) {
    watched *loop = context;
    int now = atomic_fetch_add(&computing, 1) + 1;
    int most = atomic_load(&most_computing);
    while (now > most && !atomic_compare_exchange_weak(&most_computing, &most, now)) {
    }
    if (index >= loop->count || thread >= loop->threads ||
        atomic_fetch_add(&loop->inside[thread], 1) != 0 ||
        (thread == 0) != (pthread_equal(pthread_self(), loop->caller) != 0)) {
        atomic_fetch_add(&loop->wrong, 1);
    }
    for (volatile int i = 0; i < 300; i++) {
    }
    atomic_fetch_add(&loop->done[index % MAX_TASKS], 1);
    atomic_fetch_sub(&loop->inside[thread % MAX_THREADS], 1);
    atomic_fetch_sub(&computing, 1);
}

/* What was wrong with one loop of `count` tasks. */
static int count_mistakes(dpi_team *team, size_t count) {
    watched loop = {.count = count, .threads = dpi_team_threads(team), .caller = pthread_self()};
    dpi_team_run(team, watch_task, &loop, count);
    int mistakes = atomic_load(&loop.wrong);
    for (size_t i = 0; i < MAX_TASKS; i++) {
        mistakes += atomic_load(&loop.done[i]) != (i < count ? 1 : 0);
    }
    return mistakes;
}

START_TEST(each_task_runs_once) {
    dpi_workers *workers = new_workers((size_t)_i);
    dpi_team *team = new_team(workers);
    for (size_t count = 0; count <= MAX_TASKS; count += count < 10 ? 1 : 19) {
        for (size_t i = 0; i < unless_brief(20, 2); i++) {
            ck_assert_int_eq(count_mistakes(team, count), 0);
        }
    }
    end_team(team);
    end_workers(workers);
}
END_TEST

typedef struct meeting {
    int expected, came, missed;
} meeting;

static void meet_task(void *context, size_t index, size_t thread) {
    meeting *self = context;
    (void)index;
    (void)thread;
    add_one(&self->came);
    if (!reaches(&self->came, self->expected)) {
        add_one(&self->missed);
    }
}

/* As many workers wake up as there are tasks, which all wait for each other. */
START_TEST(each_task_finds_a_thread) {
    dpi_workers *workers = new_workers(MAX_THREADS);
    dpi_team *team = new_team(workers);
    for (size_t i = 0; i < unless_brief(200, 10); i++) {
        meeting all = {.expected = 1 + (int)(i % MAX_THREADS)};
        dpi_team_run(team, meet_task, &all, (size_t)all.expected);
        ck_assert_int_eq(all.missed, 0);
    }
    end_team(team);
    end_workers(workers);
}
END_TEST

/* ---- several callers ---- */

typedef struct caller {
    dpi_workers *workers;
    uint32_t seed;
    size_t loops;
    int mistakes;
} caller;

/* Teams come and go, too. */
static void *run_loops(void *argument) {
    caller *self = argument;
    for (size_t i = 0; i < self->loops; i++) {
        dpi_team *team = new_team(self->workers);
        for (size_t k = 0; k < 10; k++) {
            self->seed = self->seed * 1664525U + 1013904223U;
            self->mistakes += count_mistakes(team, (self->seed >> 16) % MAX_TASKS);
        }
        end_team(team);
    }
    return NULL;
}

START_TEST(callers_share_workers) {
    size_t threads = 1 + (size_t)_i % MAX_THREADS;
    size_t count = 1 + (size_t)_i / MAX_THREADS;
    caller callers[MAX_CALLERS];
    pthread_t running[MAX_CALLERS];
    dpi_workers *workers = new_workers(threads);
    atomic_store(&most_computing, 0);
    for (size_t i = 0; i < count; i++) {
        callers[i] = (caller){workers, random_below(1U << 30), unless_brief(40, 3), 0};
        running[i] = start_thread(run_loops, &callers[i]);
    }
    for (size_t i = 0; i < count; i++) {
        join_thread(running[i]);
        ck_assert_int_eq(callers[i].mistakes, 0);
    }
    ck_assert_int_le(atomic_load(&most_computing), (int)(threads - 1 + count));
    end_workers(workers);
}
END_TEST

/* ---- who helps whom ---- */

/* Callers that are inside, first and last tasks among them. */
#define CROWD 3

static struct {
    int begun, ended;
    int strangers[CROWD]; /* tasks that a worker began then; a worker writes its own only */
    int impatient;
} crowd;

/* The first tasks, a worker's among them, wait for all callers, and so do the last ones. In between
 * as many callers compute as the workers' number allows: no worker may take a task. One that took
 * its task before the last caller came may find all callers there when it looks, but only once. */
static void crowd_task(void *context, size_t index, size_t thread) {
    bool *begun = context;
    bool alone = read_number(&crowd.begun) == CROWD && read_number(&crowd.ended) < CROWD;
    if (alone && thread != 0) {
        crowd.strangers[thread]++;
    }
    if (thread == 0 && !*begun) {
        *begun = true;
        add_one(&crowd.begun);
    }
    bool came = reaches(&crowd.begun, CROWD);
    if (index == MAX_TASKS - 1) {
        add_one(&crowd.ended);
        came = reaches(&crowd.ended, CROWD) && came;
    }
    if (!came) {
        add_one(&crowd.impatient);
    }
}

static void *join_crowd(void *argument) {
    bool begun = false;
    dpi_team *team = new_team(argument);
    dpi_team_run(team, crowd_task, &begun, MAX_TASKS);
    end_team(team);
    return NULL;
}

START_TEST(as_many_callers_as_threads_work_alone) {
    dpi_workers *workers = new_workers(CROWD);
    pthread_t callers[CROWD];
    for (size_t i = 0; i < CROWD; i++) {
        callers[i] = start_thread(join_crowd, workers);
    }
    for (size_t i = 0; i < CROWD; i++) {
        join_thread(callers[i]);
    }
    ck_assert_int_eq(crowd.begun, CROWD);
    ck_assert_int_eq(crowd.impatient, 0);
    end_workers(workers);
    for (size_t i = 1; i < CROWD; i++) {
        ck_assert_int_le(crowd.strangers[i], 1);
    }
}
END_TEST

/* A long loop that has all helpers, and a second one that begins later. */
static struct {
    dpi_workers *workers;
    int helpers, begun, helped; /* of the first; the second; helpers of the second */
    int left;                   /* tasks of the first that were not handed out when it was helped */
    int impatient;
    bool came[4]; /* this thread is in the first loop; looked at by itself only */
} pair;

#define LONG_LOOP 100000

static void long_task(void *context, size_t index, size_t thread) {
    bool waits = thread != 0 && !pair.came[thread];
    if (waits) {
        pair.came[thread] = true;
        add_one(&pair.helpers);
    }
    if (waits && !reaches(&pair.begun, 1)) {
        add_one(&pair.impatient);
    }
    if (read_number(&pair.helped) == 0 && read_number(&pair.impatient) == 0) {
        sleep_ms(1);
    }
    atomic_store((atomic_size_t *)context, index);
}

/* While nobody has helped, the tasks of the first loop take their time. */
static void short_task(void *context, size_t index, size_t thread) {
    if (thread != 0) {
        pair.left = LONG_LOOP - (int)atomic_load((atomic_size_t *)context);
        add_one(&pair.helped);
    } else if (index == 0) {
        add_one(&pair.begun);
    }
    if (!reaches(&pair.helped, 1)) {
        add_one(&pair.impatient);
    }
}

static void *run_second(void *context) {
    dpi_team *team = new_team(pair.workers);
    if (!reaches(&pair.helpers, 3)) {
        add_one(&pair.impatient);
    }
    dpi_team_run(team, short_task, context, 2);
    end_team(team);
    return NULL;
}

START_TEST(helpers_come_to_a_second_caller) {
    atomic_size_t last = 0;
    pair.workers = new_workers(4);
    dpi_team *team = new_team(pair.workers);
    pthread_t second = start_thread(run_second, &last);
    dpi_team_run(team, long_task, &last, LONG_LOOP);
    join_thread(second);
    ck_assert_int_eq(pair.impatient, 0);
    ck_assert_int_eq(pair.helped, 1);
    ck_assert_int_gt(pair.left, LONG_LOOP / 2);
    end_team(team);
    end_workers(pair.workers);
}
END_TEST

/* ---- the host's scheduler ---- */

static void count_call(void *user, void (*body)(void *argument, int32_t worker), void *argument) {
    ++*(int *)user;
    body(argument, 2); /* there is none: it does nothing */
    body(argument, -1);
    body(argument, 1);
}

static void note_thread(void *context, size_t index, size_t thread) {
    (void)index;
    *(size_t *)context = thread;
}

START_TEST(one_task_does_not_trouble_the_host) {
    int calls = 0;
    size_t thread = 9;
    dpi_team *team = NULL;
    dpi_message message;
    const dp_scheduler scheduler = {.run = count_call, .user = &calls, .workers = 2};
    ck_assert_int_eq(dpi_team_start(memory_of(dpi_team_size()), NULL, &scheduler, &team, &message),
                     DP_OK);
    dpi_team_run(team, note_thread, &thread, 1);
    ck_assert_int_eq(calls, 0);
    ck_assert_uint_eq(thread, 0);
    dpi_team_run(team, note_thread, &thread, 2);
    ck_assert_int_eq(calls, 1);
    ck_assert_uint_eq(thread, 1);
    end_team(team);
}
END_TEST

/* ---- sleeping ---- */

/* The first task of the caller takes long; those of workers wait for its beginning. */
static void sleep_task(void *context, size_t index, size_t thread) {
    int *begun = context;
    (void)index;
    if (thread != 0) {
        (void)reaches(begun, 1);
        return;
    }
    add_one(begun);
    sleep_ms(read_number(begun) == 1 ? 500 : 0);
}

/* Before any loop, after one, and inside one whose last task takes long. Threads that look for work
 * all the time would use up to four times 500 ms. */
START_TEST(threads_without_tasks_sleep) {
    dpi_workers *workers = new_workers(5);
    dpi_team *team = new_team(workers);
    int begun = 0;
    double before = clock_ms(CLOCK_PROCESS_CPUTIME_ID);
    sleep_ms(500);
    ck_assert_double_lt(clock_ms(CLOCK_PROCESS_CPUTIME_ID) - before, 100.0);
    ck_assert_int_eq(count_mistakes(team, MAX_TASKS), 0);
    before = clock_ms(CLOCK_PROCESS_CPUTIME_ID);
    sleep_ms(500);
    ck_assert_double_lt(clock_ms(CLOCK_PROCESS_CPUTIME_ID) - before, 100.0);
    before = clock_ms(CLOCK_PROCESS_CPUTIME_ID);
    dpi_team_run(team, sleep_task, &begun, 10);
    ck_assert_double_lt(clock_ms(CLOCK_PROCESS_CPUTIME_ID) - before, 100.0);
    end_team(team);
    end_workers(workers);
}
END_TEST

/* ---- the state of a thread ---- */

typedef struct thread_state {
    int rounding, mistakes, tasks;
    int helped; /* tasks that a worker ran */
} thread_state;

#if defined(_WIN32)
#define takes_signals() false /* there are none */
#else
static bool takes_signals(void) {
    sigset_t blocked;
    (void)pthread_sigmask(SIG_SETMASK, NULL, &blocked);
    return sigismember(&blocked, SIGINT) == 0 || sigismember(&blocked, SIGALRM) == 0;
}
#endif

/* The caller waits in its first task until a worker came, so that there is one to look at. */
static void look_task(void *context, size_t index, size_t thread) {
    thread_state *state = context;
    (void)index;
    bool right = fegetround() == state->rounding;
    if (thread != 0) {
        right = right && !takes_signals();
        add_one(&state->helped);
    }
    if (!right || !reaches(&state->helped, 1)) {
        add_one(&state->mistakes);
    }
}

typedef struct looker {
    dpi_workers *workers;
    int rounding, mistakes;
} looker;

static void *look_around(void *argument) {
    looker *self = argument;
    dpi_team *team = new_team(self->workers);
    (void)fesetround(self->rounding);
    for (size_t i = 0; i < unless_brief(100, 5); i++) {
        thread_state state = {.rounding = self->rounding};
        dpi_team_run(team, look_task, &state, 10);
        self->mistakes += state.mistakes;
    }
    end_team(team);
    return NULL;
}

/* Two callers that round differently, with two workers between them. */
START_TEST(workers_round_as_their_caller_and_take_no_signals) {
    dpi_workers *workers = new_workers(4);
    looker up = {workers, FE_UPWARD, 0};
    looker down = {workers, FE_DOWNWARD, 0};
    pthread_t other = start_thread(look_around, &up);
    pthread_t another = start_thread(look_around, &down);
    join_thread(other);
    join_thread(another);
    ck_assert_int_eq(up.mistakes, 0);
    ck_assert_int_eq(down.mistakes, 0);
    end_workers(workers);
}
END_TEST

/* ---- the suite ---- */

static Suite *workers_suite(void) {
    Suite *suite = suite_create("workers");
    TCase *loops = tcase_create("loops");
    tcase_add_checked_fixture(loops, random_restart, NULL);
    tcase_set_timeout(loops, 2 * PATIENCE);
    tcase_add_loop_test(loops, each_task_runs_once, 1, MAX_THREADS + 1);
    tcase_add_test(loops, each_task_finds_a_thread);
    tcase_add_loop_test(loops, callers_share_workers, 0, MAX_THREADS * MAX_CALLERS);
    tcase_add_test(loops, as_many_callers_as_threads_work_alone);
    tcase_add_test(loops, helpers_come_to_a_second_caller);
    tcase_add_test(loops, one_task_does_not_trouble_the_host);
    tcase_add_test(loops, threads_without_tasks_sleep);
    tcase_add_test(loops, workers_round_as_their_caller_and_take_no_signals);
    suite_add_tcase(suite, loops);
    return suite;
}

int main(void) {
    random_seed("test_workers");
    return run_suite(workers_suite());
}
