/* Sessions with the davitd of this device, by its control socket, in the place of a broker (docs/wire.md). */
#ifndef CLI_DEVICE_H
#define CLI_DEVICE_H

#include "cli/options.h"

/* Where --control says so, or neither a broker nor a node was named and a davitd listens here: by_control is set, and node
 * and root are this device's. False: davitd was named, and does not answer.
 */
MUST_CHECK bool device_join(struct options *options, uint64_t flags, struct error *err);

#endif
