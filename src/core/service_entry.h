/* A Service as davitd remembers it; for services.c and services_look.c only. */
#ifndef CORE_SERVICE_ENTRY_H
#define CORE_SERVICE_ENTRY_H

#include "core/core.h"
#include "protocol/service.h"

struct service_entry {
    struct object_id id;
    struct service *spec; /* NULL: not looked at yet, in this life */
    char content[DIGEST_HEX_BYTES]; /* of the document that it is of */
    uint64_t created_ms;
    uint32_t address;       /* host order; 0: it has none */
    struct json *ports;     /* {"TCP/80":30080} */
    bool stored;            /* as it is, on the disk */
    struct json *given;     /* as protocol/service.h has it; NULL: it waits for something */
    struct json *endpoints; /* likewise */
    char problem[REASON_BYTES]; /* why it waits; "" */
    char message[256];
    UT_hash_handle hh;
};

#endif
