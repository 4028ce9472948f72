#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <string.h>
#include <sys/ioctl.h>

#include "base/memory.h"
#include "net/net.h"

#define TUN "/dev/net/tun"

/* It stays when this descriptor closes; until it is told so it goes with it, so whoever is killed here leaves nothing. The
 * owner: without one any user of this machine could open it, and be the VM.
 */
bool tap_make(const char *name, struct error *err)
{
    AUTO_CLOSE int fd = open(TUN, O_RDWR | O_CLOEXEC);
    struct ifreq request = { .ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR };
    if (fd < 0)
        return error_set_errno(err, errno, "cannot open %s: is the module tun there?", TUN);
    memcpy(request.ifr_name, name, strnlen(name, IFNAMSIZ - 1));
    if (ioctl(fd, TUNSETIFF, &request) != 0 || ioctl(fd, TUNSETOWNER, 0) != 0 || ioctl(fd, TUNSETPERSIST, 1) != 0)
        return error_set_errno(err, errno, "cannot make the tap %s", name);
    return true;
}
