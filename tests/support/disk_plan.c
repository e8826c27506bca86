#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <ftw.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tests/support/disk.h"

static struct disk_plan nothing_planned;
static struct disk_plan *plan = &nothing_planned;

static int add_size(const char *path, const struct stat *status, int kind)
{
    (void)path;
    if (kind == FTW_F) {
        plan->used_bytes += status->st_size;
    }
    return 0;
}

void disk_plan_open(const char *root)
{
    const char *path = getenv("DISK_PLAN");
    if (path == NULL) {
        return;
    }
    int fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CLOEXEC, 0);
    void *memory =
        fd < 0 ? MAP_FAILED : mmap(NULL, sizeof(*plan), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (memory == MAP_FAILED) {
        disk_fatal("DISK_PLAN cannot be mapped");
    }
    (void)syscall(SYS_close, fd); /* the mapping stays */
    plan = memory;
    plan->used_bytes = 0;
    enum { FDS_AT_ONCE = 8 };
    (void)ftw(root, add_size, FDS_AT_ONCE); /* not there yet: nothing is used */
}

static bool is_hit(struct disk_rule *rule)
{
    rule->seen++;
    if (rule->left <= 0 && !rule->lasting) {
        return false;
    }
    rule->left--;
    if (rule->left > 0) {
        return false;
    }
    rule->failed++;
    return true;
}

enum disk_fate disk_plan_fate(enum disk_call call, const char *name, int *out_error)
{
    for (size_t i = 0; i < DISK_RULES; i++) {
        struct disk_rule *rule = &plan->rules[i];
        if (!__atomic_load_n(&rule->armed, __ATOMIC_ACQUIRE) ||
            (rule->calls & (uint32_t)call) == 0 ||
            (rule->pattern[0] != '\0' && fnmatch(rule->pattern, name, 0) != 0) || !is_hit(rule)) {
            continue;
        }
        *out_error = rule->error;
        return rule->error == 0 ? DISK_FATE_HALF : DISK_FATE_FAILS;
    }
    return DISK_FATE_GOOD;
}

int64_t disk_plan_room(void)
{
    if (plan->capacity_bytes == 0) {
        return INT64_MAX;
    }
    int64_t left = plan->capacity_bytes - plan->used_bytes;
    return left > 0 ? left : 0;
}

void disk_plan_use(int64_t bytes)
{
    plan->used_bytes += bytes;
}

int64_t disk_plan_sync_us(void)
{
    return plan->sync_us;
}

bool disk_plan_syncs_really(void)
{
    return plan->real_sync != 0;
}
