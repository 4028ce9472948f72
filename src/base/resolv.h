/* resolv.conf: a pod's dnsConfig put over the file that it would have without. Kubernetes: DNS for Services and Pods, pod's
 * DNS config: lists are appended to, options of the same name replaced. Pure.
 */
#ifndef BASE_RESOLV_H
#define BASE_RESOLV_H

#include "base/json.h"

#define RESOLV_SERVERS_MAX 3 /* libc asks no more; the kubelet leaves the others out too */
#define RESOLV_FILE_MAX (64 * 1024)

/* `dns`: {"nameservers":[],"searches":[],"options":[{"name","value"}]}, each may be absent; NULL: nothing is changed but the
 * order of lines. The caller frees.
 */
char *resolv_merge(const char *text, const struct json *dns);

#endif
