/*
 * Affinity, and quotas of control groups, which is how containers limit the time of processors.
 *
 * /proc/self/cgroup names the group of the process within each hierarchy, /proc/self/mountinfo
 * where the hierarchies are mounted. A group of version 2 has its quota in cpu.max, one of version
 * 1 in cpu.cfs_quota_us and cpu.cfs_period_us. What cannot be read limits nothing. Nothing is
 * allocated: callers may have an allocator of their own.
 */
#if !defined(_GNU_SOURCE)
#define _GNU_SOURCE
#endif

#include "os/processors.h"
#include "base/size.h"
#include "base/text.h"
#include "dp_config.h"

#include <stdint.h>
#include <string.h>

#if !defined(DP_NO_THREADS)

#include <sched.h>
#include <unistd.h>

size_t dpi_affine_processors(void) {
#if defined(__linux__)
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0) {
        return dpi_size_max(1, (size_t)CPU_COUNT(&set));
    }
#endif
    long online = sysconf(_SC_NPROCESSORS_ONLN);
    return online > 0 ? (size_t)online : 1;
}

#if !defined(__linux__) || defined(DP_NO_FILES)

size_t dpi_quota_processors(const char *root) {
    (void)root;
    return SIZE_MAX;
}

#else

#include <errno.h>
#include <fcntl.h>

#define LONGEST_PATH 1024

typedef struct file_path {
    char text[LONGEST_PATH];
} file_path;

/* ---- files ---- */

static int open_to_read(const char *root, const char *name) {
    file_path full;
    (void)dpi_print(full.text, sizeof full.text, "%s%s", root, name);
    return open(full.text, O_RDONLY | O_CLOEXEC);
}

static size_t read_some(int file, char *bytes, size_t size) {
    ssize_t count;
    do {
        count = read(file, bytes, size);
    } while (count < 0 && errno == EINTR);
    return count > 0 ? (size_t)count : 0;
}

/* Lines of a file. Of a long one the beginning is enough: those of control groups are short. */
typedef struct line_reader {
    int file;
    size_t next, end; /* of `block` */
    char block[512];
    char line[LONGEST_PATH];
} line_reader;

static bool next_byte(line_reader *reader, char *byte) {
    if (reader->next == reader->end) {
        reader->next = 0;
        reader->end = read_some(reader->file, reader->block, sizeof reader->block);
    }
    bool got = reader->next < reader->end;
    *byte = got ? reader->block[reader->next++] : '\n';
    return got;
}

/* False at the end of the file. */
static bool next_line(line_reader *reader) {
    size_t length = 0;
    char byte;
    bool got = next_byte(reader, &byte);
    bool any = got;
    for (; got && byte != '\n'; got = next_byte(reader, &byte)) {
        if (length < sizeof reader->line - 1) {
            reader->line[length++] = byte;
        }
    }
    reader->line[length] = '\0';
    return any;
}

/* ---- text ---- */

/* Ends the text at `end`, if that occurs, and returns what comes behind it, or NULL. */
static char *split(char *text, char end) {
    char *at = text != NULL ? strchr(text, end) : NULL;
    if (at == NULL) {
        return NULL;
    }
    *at = '\0';
    return at + 1;
}

/* Whether a list with commas has an item "cpu". */
static bool lists_cpu(const char *list) {
    for (const char *at = list; at != NULL; at = strchr(at, ',')) {
        at += *at == ',';
        if (strncmp(at, "cpu", 3) == 0 && (at[3] == ',' || at[3] == '\0')) {
            return true;
        }
    }
    return false;
}

/* A number of microseconds at the beginning of a text; 0: there is none, or it is not limited. */
static uint64_t parse_microseconds(const char *text) {
    uint64_t number = 0;
    for (; *text >= '0' && *text <= '9' && number < UINT64_MAX / 100; text++) {
        number = number * 10 + (uint64_t)(*text - '0');
    }
    return number;
}

/* mountinfo writes spaces and the like as a backslash and three octal digits. */
static void unescape(char *text) {
    char *to = text;
    for (; *text != '\0'; to++) {
        bool escaped = text[0] == '\\' && text[1] >= '0' && text[1] <= '3' && text[2] >= '0' &&
                       text[2] <= '7' && text[3] >= '0' && text[3] <= '7';
        *to = escaped ? (char)((text[1] - '0') * 64 + (text[2] - '0') * 8 + text[3] - '0') : *text;
        text += escaped ? 4 : 1;
    }
    *to = '\0';
}

/* ---- quotas ---- */

static size_t processors_of(uint64_t quota, uint64_t period) {
    if (quota == 0 || period == 0) {
        return SIZE_MAX;
    }
    uint64_t count = (quota - 1) / period + 1;
    return count < SIZE_MAX ? (size_t)count : SIZE_MAX;
}

/* The beginning of the file `name` in a folder; "" where there is none. */
static void read_setting(const char *root, const file_path *folder, const char *name,
                         char text[64]) {
    file_path full;
    (void)dpi_print(full.text, sizeof full.text, "%s/%s", folder->text, name);
    int file = open_to_read(root, full.text);
    size_t length = 0;
    if (file >= 0) {
        length = read_some(file, text, 63);
        (void)close(file);
    }
    text[length] = '\0';
}

/* cpu.max is "QUOTA PERIOD", where the quota may be "max". */
static size_t unified_quota(const char *root, const file_path *folder) {
    char text[64];
    read_setting(root, folder, "cpu.max", text);
    const char *period = split(text, ' ');
    return processors_of(parse_microseconds(text),
                         period != NULL ? parse_microseconds(period) : 100000);
}

/* A quota of -1 is none. */
static size_t legacy_quota(const char *root, const file_path *folder) {
    char quota[64];
    char period[64];
    read_setting(root, folder, "cpu.cfs_quota_us", quota);
    read_setting(root, folder, "cpu.cfs_period_us", period);
    return processors_of(parse_microseconds(quota), parse_microseconds(period));
}

/* ---- hierarchies ---- */

/* The group of the process in both versions; "" where it is in none that limits processors. */
typedef struct membership {
    file_path unified, legacy;
} membership;

static void keep_path(file_path *to, const char *text) {
    (void)dpi_print(to->text, sizeof to->text, "%s", text);
}

/* A line is "NUMBER:CONTROLLERS:GROUP"; version 2 has no controllers. */
static void parse_group(char *line, membership *groups) {
    char *controllers = split(line, ':');
    const char *group = split(controllers, ':');
    if (group == NULL || group[0] != '/') {
        return;
    }
    if (controllers[0] == '\0') {
        keep_path(&groups->unified, group);
    } else if (lists_cpu(controllers)) {
        keep_path(&groups->legacy, group);
    }
}

static void read_groups(const char *root, membership *groups) {
    line_reader reader = {.file = open_to_read(root, "/proc/self/cgroup")};
    groups->unified.text[0] = groups->legacy.text[0] = '\0';
    if (reader.file >= 0) {
        while (next_line(&reader)) {
            parse_group(reader.line, groups);
        }
        (void)close(reader.file);
    }
}

/* A hierarchy that is mounted: group `root` of it is the folder `place`. */
typedef struct mounted {
    const char *root, *place;
    bool unified;
} mounted;

/* A line is "ID PARENT DEVICE ROOT PLACE OPTIONS ... - TYPE SOURCE OPTIONS". False for any other
 * file system. */
static bool parse_mount(char *line, mounted *found) {
    char *field = line;
    char *behind = strstr(line, " - ");
    if (behind == NULL) {
        return false;
    }
    *behind = '\0';
    for (int i = 0; i < 3; i++) {
        field = split(field, ' ');
    }
    char *place = split(field, ' ');
    (void)split(place, ' ');
    char *type = behind + 3;
    char *options = split(split(type, ' '), ' ');
    if (place == NULL || options == NULL) {
        return false;
    }
    unescape(field);
    unescape(place);
    *found = (mounted){field, place, strcmp(type, "cgroup2") == 0};
    return found->unified || (strcmp(type, "cgroup") == 0 && lists_cpu(options));
}

/* The part of a group's path below the group that is mounted. A process in no group below that one,
 * as far as it can see, is taken to be in that one itself. */
static const char *path_below(const char *group, const char *mounted_root) {
    size_t length = strcmp(mounted_root, "/") == 0 ? 0 : strlen(mounted_root);
    bool below = strncmp(group, mounted_root, length) == 0 &&
                 (group[length] == '/' || group[length] == '\0');
    return below && strcmp(group + length, "/") != 0 ? group + length : "";
}

/* The least quota of a group and of all around it, as far as they are mounted. */
static size_t least_quota(const char *root, const mounted *hierarchy, const char *group) {
    file_path folder;
    size_t least = SIZE_MAX;
    size_t top = strlen(hierarchy->place);
    size_t length = dpi_print(folder.text, sizeof folder.text, "%s%s", hierarchy->place,
                              path_below(group, hierarchy->root));
    for (;;) {
        least = dpi_size_min(least, hierarchy->unified ? unified_quota(root, &folder)
                                                       : legacy_quota(root, &folder));
        while (length > top && folder.text[length] != '/') {
            length--;
        }
        if (folder.text[length] != '/') {
            return least;
        }
        folder.text[length] = '\0';
    }
}

size_t dpi_quota_processors(const char *root) {
    membership groups;
    mounted hierarchy;
    size_t least = SIZE_MAX;
    read_groups(root, &groups);
    line_reader reader = {.file = open_to_read(root, "/proc/self/mountinfo")};
    if (reader.file < 0) {
        return least;
    }
    while (next_line(&reader)) {
        if (parse_mount(reader.line, &hierarchy)) {
            const file_path *group = hierarchy.unified ? &groups.unified : &groups.legacy;
            bool member = group->text[0] != '\0';
            least =
                member ? dpi_size_min(least, least_quota(root, &hierarchy, group->text)) : least;
        }
    }
    (void)close(reader.file);
    return least;
}

#endif
#endif /* DP_NO_THREADS */
