/* One service of a Compose file on its way to a pod. Inside of compose*.c. */
#ifndef CLI_COMPOSE_SERVICE_H
#define CLI_COMPOSE_SERVICE_H

#include "cli/compose.h"

struct compose {
    const struct json *file; /* its variables resolved */
    const struct compose_source *source;
    struct json *objects;
};

struct compose_service {
    struct compose *compose;
    const char *name;
    const struct json *said;
    struct json *pod;       /* the spec of its pods */
    struct json *container; /* the only one */
    struct json *metadata;  /* of its pods */
    bool claims;            /* it uses one */
    bool host_ports;
};

/* "services.web.ports: …". False. */
bool compose_error(const struct compose_service *service, const char *key, struct error *err, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
MUST_CHECK bool compose_remark(const struct compose_service *service, const char *key, const char *what, struct error *err);
/* The child; made where it is not there. */
struct json *compose_object(struct json *parent, const char *key);
struct json *compose_array(struct json *parent, const char *key);

/* Fields of a service, by compose_fields.c's table. */
typedef bool compose_reader(struct compose_service *service, const struct json *value, struct error *err);
compose_reader compose_read_ports, compose_read_expose;                         /* compose_ports.c */
compose_reader compose_read_volumes, compose_read_tmpfs, compose_read_devices, compose_read_shm_size, compose_read_configs,
    compose_read_secrets; /* compose_mounts.c */
compose_reader compose_read_healthcheck, compose_read_depends_on, compose_read_deploy, compose_read_mem_limit,
    compose_read_mem_reservation, compose_read_cpus; /* compose_life.c */
MUST_CHECK bool compose_read_fields(struct compose_service *service, struct error *err);

/* Which kind of object a service becomes: "deployments" or "jobs". */
const char *compose_resource(const struct json *file, const char *service);
/* The top-level `configs` and `secrets` as objects. */
MUST_CHECK bool compose_read_stores(struct compose *compose, struct error *err);
/* The top-level `volumes` as claims. */
MUST_CHECK bool compose_read_claims(struct compose *compose, struct error *err);

#endif
