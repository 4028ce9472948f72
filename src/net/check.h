/* Whether what davitd says is what it should be, before it goes into rules, files and paths. Pure. */
#ifndef NET_CHECK_H
#define NET_CHECK_H

#include <net/if.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/json.h"

bool check_uid(const char *uid);
bool check_interface(const char *name);
bool check_address(const char *text); /* IPv4 or IPv6 */
bool check_subnet(const char *text, int family);
bool check_is_any(const char *host_ip); /* it means all addresses; NULL does */
/* Heads of docs/wire.md; *err names what is wrong. NULL lists are empty ones. */
MUST_CHECK bool check_attach(const struct json *head, struct error *err);
MUST_CHECK bool check_records(const struct json *records, struct error *err);
MUST_CHECK bool check_services(const struct json *services, struct error *err);

#endif
