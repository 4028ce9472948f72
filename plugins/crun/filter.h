/* What crun made of the usual seccomp profile. It compiles the profile for each container, which takes as long as all else
 * that it does; given what it made before, it does not. The profile goes along: a crun without this annotation uses that.
 */
#ifndef CRUN_FILTER_H
#define CRUN_FILTER_H

#include "crun.h"

#define FILTER_ANNOTATION "run.oci.seccomp_bpf_data"

char *filter_known(struct crun *crun); /* base64; NULL as long as none was learned. The caller frees. */
/* From a container that was made with the usual profile. Any thread. */
void filter_learn(struct crun *crun, const char *id);

#endif
