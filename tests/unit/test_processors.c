/*
 * lib/os/posix/processors.c: quotas of control groups, read from trees of files as Linux and
 * container engines make them, and affinity.
 */
#if !defined(_GNU_SOURCE)
#define _GNU_SOURCE
#endif
#include "api_support.h"
#include "suite.h"

#include "os/processors.h"

#include <ftw.h>
#include <sched.h>
#include <stdint.h>
#include <sys/stat.h>
#include <unistd.h>

static char root[64];

static void make_root(void) {
    (void)snprintf(root, sizeof root, "/tmp/dualpath-groups-XXXXXX");
    must(mkdtemp(root), "a temporary folder");
}

static int remove_one(const char *path, const struct stat *about, int type, struct FTW *where) {
    (void)about;
    (void)type;
    (void)where;
    return remove(path);
}

static void remove_root(void) {
    (void)nftw(root, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* Writes a file below the root, with the folders that it lies in. */
static void put(const char *name, const char *text) {
    char path[4096];
    int length = snprintf(path, sizeof path, "%s%s", root, name);
    ck_assert_int_lt(length, (int)sizeof path);
    for (char *at = path + strlen(root) + 1; (at = strchr(at, '/')) != NULL; at++) {
        *at = '\0';
        (void)mkdir(path, 0700);
        *at = '/';
    }
    FILE *file = must(fopen(path, "w"), path);
    (void)fputs(text, file);
    (void)fclose(file);
}

#define UNIFIED_MOUNT \
    "35 24 0:30 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate,memory_recursiveprot\n"
#define LEGACY_MOUNT \
    "33 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,nosuid shared:9 - cgroup cgroup rw,cpu,cpuacct\n"

static void put_unified(const char *group) {
    char line[256];
    (void)snprintf(line, sizeof line, "0::%s\n", group);
    put("/proc/self/cgroup", line);
    put("/proc/self/mountinfo", "24 1 8:1 / / rw,relatime - ext4 /dev/sda1 rw\n" UNIFIED_MOUNT);
}

static void check_quota(size_t expected) {
    ck_assert_uint_eq(dpi_quota_processors(root), expected);
}

/* ---- version 2 ---- */

START_TEST(quotas_are_rounded_up) {
    static const struct {
        const char *text;
        size_t processors;
    } cases[] = {{"max 100000\n", SIZE_MAX},
                 {"100000 100000\n", 1},
                 {"100001 100000\n", 2},
                 {"250000 100000\n", 3},
                 {"400000 100000\n", 4},
                 {"1000 100000\n", 1},
                 {"50000 10000\n", 5},
                 {"300000\n", 3},
                 {"200001\n", 3},
                 {"", SIZE_MAX},
                 {"0 100000\n", SIZE_MAX},
                 {"100000 0\n", SIZE_MAX},
                 {"nonsense", SIZE_MAX},
                 {"99999999999999999999999999 1\n", SIZE_MAX}};
    put_unified("/app");
    for (size_t i = 0; i < COUNT(cases); i++) {
        put("/sys/fs/cgroup/app/cpu.max", cases[i].text);
        size_t got = dpi_quota_processors(root);
        bool huge = cases[i].processors > 1000000;
        ck_assert_msg(huge ? got > 1000000 : got == cases[i].processors, "\"%s\": %zu",
                      cases[i].text, got);
    }
}
END_TEST

START_TEST(groups_around_count_too) {
    put_unified("/kubepods.slice/pod7.slice/container");
    put("/sys/fs/cgroup/kubepods.slice/pod7.slice/container/cpu.max", "max 100000\n");
    check_quota(SIZE_MAX);
    put("/sys/fs/cgroup/kubepods.slice/cpu.max", "800000 100000\n");
    check_quota(8);
    put("/sys/fs/cgroup/kubepods.slice/pod7.slice/cpu.max", "150000 100000\n");
    check_quota(2);
    put("/sys/fs/cgroup/kubepods.slice/pod7.slice/container/cpu.max", "600000 100000\n");
    check_quota(2);
    put("/sys/fs/cgroup/cpu.max", "50000 100000\n"); /* of a container that sees itself as "/" */
    check_quota(1);
    put("/sys/fs/cgroup/other/cpu.max", "1000 100000\n"); /* not around it */
    put("/sys/fs/cgroup/kubepods.slice/pod7.slice/container/below/cpu.max", "1000 100000\n");
    check_quota(1);
}
END_TEST

START_TEST(a_namespace_begins_at_its_own_root) {
    put_unified("/");
    put("/sys/fs/cgroup/cpu.max", "200000 100000\n");
    check_quota(2);
    put("/proc/self/cgroup", "0::/../outside\n");
    check_quota(2);
}
END_TEST

/* ---- version 1 ---- */

START_TEST(version_1_has_two_files) {
    put("/proc/self/cgroup",
        "12:cpuset:/none\n4:cpu,cpuacct:/docker/abc\n1:name=systemd:/x\n0::/x\n");
    put("/proc/self/mountinfo",
        "32 31 0:28 / /sys/fs/cgroup/cpuset rw - cgroup cgroup rw,cpuset\n" LEGACY_MOUNT);
    put("/sys/fs/cgroup/cpuset/docker/abc/cpu.cfs_quota_us", "100\n");
    put("/sys/fs/cgroup/cpuset/docker/abc/cpu.cfs_period_us", "100\n");
    check_quota(SIZE_MAX);
    put("/sys/fs/cgroup/cpu,cpuacct/docker/abc/cpu.cfs_quota_us", "-1\n");
    put("/sys/fs/cgroup/cpu,cpuacct/docker/abc/cpu.cfs_period_us", "100000\n");
    check_quota(SIZE_MAX);
    put("/sys/fs/cgroup/cpu,cpuacct/docker/abc/cpu.cfs_quota_us", "350000\n");
    check_quota(4);
    put("/sys/fs/cgroup/cpu,cpuacct/docker/cpu.cfs_quota_us", "50000\n");
    put("/sys/fs/cgroup/cpu,cpuacct/docker/cpu.cfs_period_us", "25000\n");
    check_quota(2);
}
END_TEST

/* In a container without a namespace, the path is the host's, and its own group is what is mounted;
 * or the path leads nowhere that is mounted. */
START_TEST(a_group_that_is_mounted_itself) {
    put("/proc/self/cgroup", "4:cpu:/docker/abc\n");
    put("/proc/self/mountinfo",
        "33 31 0:29 /docker/abc /sys/fs/cgroup/cpu ro - cgroup cgroup rw,cpu\n");
    put("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "300000\n");
    put("/sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n");
    check_quota(3);
    put("/proc/self/cgroup", "4:cpu:/docker/abc/below\n");
    put("/sys/fs/cgroup/cpu/below/cpu.cfs_quota_us", "100000\n");
    put("/sys/fs/cgroup/cpu/below/cpu.cfs_period_us", "100000\n");
    check_quota(1);
    put("/proc/self/cgroup", "4:cpu:/docker/abcdef\n");
    check_quota(3);
    put("/proc/self/cgroup", "4:cpu:/lxc/abcdef/below\n");
    check_quota(3);
}
END_TEST

/* Version 2 is there, but has no controller for processors. */
START_TEST(both_versions_side_by_side) {
    put("/proc/self/cgroup", "4:cpu,cpuacct:/a\n0::/b\n");
    put("/proc/self/mountinfo",
        LEGACY_MOUNT "42 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n");
    put("/sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_quota_us", "500000\n");
    put("/sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_period_us", "100000\n");
    check_quota(5);
    put("/sys/fs/cgroup/unified/b/cpu.max", "300000 100000\n");
    check_quota(3);
}
END_TEST

/* ---- files that are missing or odd ---- */

START_TEST(what_cannot_be_read_limits_nothing) {
    check_quota(SIZE_MAX);
    put("/proc/self/cgroup", "");
    put("/proc/self/mountinfo", "");
    check_quota(SIZE_MAX);
    put("/proc/self/cgroup", "0::\nnonsense\n:::\n0:\n\n0::/app");
    put("/proc/self/mountinfo", "1\n1 2 3\n - \n1 2 3 4 - cgroup2\n - cgroup2 a b\n" UNIFIED_MOUNT);
    check_quota(SIZE_MAX);
    put("/sys/fs/cgroup/app/cpu.max", "200000 100000\n");
    check_quota(2);
    put("/proc/self/mountinfo", "35 24 0:30 / /sys/fs/cgroup rw - cgroup2\n");
    check_quota(SIZE_MAX);
}
END_TEST

/* Of this version the process has no group. */
START_TEST(hierarchies_without_the_process_limit_nothing) {
    put("/proc/self/cgroup", "4:cpu:/a\n");
    put("/proc/self/mountinfo", UNIFIED_MOUNT);
    put("/sys/fs/cgroup/cpu.max", "100000 100000\n");
    check_quota(SIZE_MAX);
}
END_TEST

START_TEST(names_with_spaces_and_long_lines) {
    char lines[6000];
    memset(lines, 'x', sizeof lines);
    (void)snprintf(lines + 5000, sizeof lines - 5000,
                   "\n35 24 0:30 / /my\\040groups\\134x rw - cgroup2 cgroup2 rw\n");
    put("/proc/self/cgroup", "0::/app: 1\n");
    put("/proc/self/mountinfo", lines);
    put("/my groups\\x/app: 1/cpu.max", "700000 100000\n");
    check_quota(7);
}
END_TEST

/* A backslash that three octal digits do not follow is a backslash. */
START_TEST(names_with_backslashes) {
    static const char *const names[] = {"\\",   "\\x40", "\\400", "\\0",   "\\0/0", "\\080",
                                        "\\00", "\\00/", "\\008", "\\!00", "\\0!0", "\\00!"};
    put("/proc/self/cgroup", "0::/app\n");
    for (size_t i = 0; i < COUNT(names); i++) {
        char line[128];
        char name[64];
        (void)snprintf(line, sizeof line, "35 24 0:30 / /%s rw - cgroup2 cgroup2 rw\n", names[i]);
        (void)snprintf(name, sizeof name, "/%s/app/cpu.max", names[i]);
        put("/proc/self/mountinfo", line);
        put(name, "900000 100000\n");
        ck_assert_msg(dpi_quota_processors(root) == 9, "%s", names[i]);
        put(name, "");
    }
}
END_TEST

/* ---- this process ---- */

#if defined(__linux__)

static dp_session *default_session(const dp_model *model) {
    dp_session *made = NULL;
    (void)dp_session_create(model, NULL, &made);
    return must(made, "a session");
}

/* A session keeps its threads whatever happens to the affinity of who calls it. */
START_TEST(affinity_counts_when_a_session_is_created) {
    cpu_set_t before;
    cpu_set_t one;
    dp_model *model = open_golden(SMALL_MODEL);
    test_clip clip = make_clip(SMALL_FRAMES, SMALL_SIDE, SMALL_SIDE);
    dp_session *early = default_session(model);
    int32_t threads = dp_session_threads(early);
    ck_assert_uint_eq((size_t)threads, dpi_processor_count());
    answer expected = classify(early, &clip.clip);
    ck_assert_int_eq(sched_getaffinity(0, sizeof before, &before), 0);
    ck_assert_int_le(threads, CPU_COUNT(&before));
    CPU_ZERO(&one);
    for (size_t i = 0; CPU_COUNT(&one) == 0; i++) {
        if (CPU_ISSET(i, &before)) {
            CPU_SET(i, &one);
        }
    }
    ck_assert_int_eq(sched_setaffinity(0, sizeof one, &one), 0);
    ck_assert_int_eq(dp_session_threads(early), threads);
    answer got = classify(early, &clip.clip);
    ck_assert(same_bits(&got, &expected));
    dp_session *late = default_session(model);
    ck_assert_int_eq(dp_session_threads(late), 1);
    got = classify(late, &clip.clip);
    ck_assert(same_bits(&got, &expected));
    ck_assert_int_eq(sched_setaffinity(0, sizeof before, &before), 0);
    dp_session_destroy(late);
    dp_session_destroy(early);
    free_clip(&clip);
    dp_model_close(model);
}
END_TEST

#endif

int main(void) {
    random_seed("test_processors");
    Suite *suite = suite_create("processors");
#if defined(__linux__)
    TCase *quotas = add_case(suite, "quotas", 20, make_root, remove_root);
    tcase_add_test(quotas, quotas_are_rounded_up);
    tcase_add_test(quotas, groups_around_count_too);
    tcase_add_test(quotas, a_namespace_begins_at_its_own_root);
    tcase_add_test(quotas, version_1_has_two_files);
    tcase_add_test(quotas, a_group_that_is_mounted_itself);
    tcase_add_test(quotas, both_versions_side_by_side);
    tcase_add_test(quotas, what_cannot_be_read_limits_nothing);
    tcase_add_test(quotas, hierarchies_without_the_process_limit_nothing);
    tcase_add_test(quotas, names_with_spaces_and_long_lines);
    tcase_add_test(quotas, names_with_backslashes);
    TCase *affinity = add_case(suite, "affinity", 60, NULL, NULL);
    tcase_add_test(affinity, affinity_counts_when_a_session_is_created);
#endif
    return run_suite(suite);
}
