/* What disks are made with: programs, and room for them. */
#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/statvfs.h>

#include "base/memory.h"
#include "base/spawn.h"
#include "disk_part.h"

bool disk_run(const struct disk_place *place, const char *const *argv, int in_fd, struct error *err)
{
    const int stdio[3] = {in_fd, -1, SPAWN_SAID};
    struct spawn spawn = {.argv = argv, .env = spawn_plain_env, .extra_fd = -1, .cgroup_fd = -1, .stdio = stdio};
    bool done = spawn_start(&spawn, err) && spawn_wait(&spawn, place->cancel_fd, err);

    if (!done && spawn.said_fd >= 0) {
        AUTO_FREE char *said = spawn_said(&spawn);

        if (said[0] != '\0' && err->code == ERROR_INTERNAL)
            error_set(err, strstr(said, strerror(ENOSPC)) != NULL ? ERROR_NO_SPACE : ERROR_INTERNAL, "%s", said);
    }
    spawn_close(&spawn);
    return done;
}

bool disk_check_room(const char *path, uint64_t bytes, struct error *err)
{
    struct statvfs disk;

    if (statvfs(path, &disk) != 0)
        return error_set_errno(err, errno, "cannot tell how much room there is for %s", path);
    uint64_t room = (uint64_t)disk.f_bavail * disk.f_frsize;

    return bytes <= room || error_set(err, ERROR_NO_SPACE, "it asks for %" PRIu64 " bytes, and %" PRIu64 " are free: free "
                                      "some, or let it ask for less", bytes, room);
}
