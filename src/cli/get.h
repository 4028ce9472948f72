/* What `davit get` lists, one file a resource. */
#ifndef CLI_GET_H
#define CLI_GET_H

#include "cli/output.h"
#include "cli/verbs.h"

struct get {
    const struct options *options;
    enum output output;
    const char *name; /* NULL: all */
};

enum exit_code get_pods(const struct get *get, struct error *err);
enum exit_code get_services(const struct get *get, struct error *err);
enum exit_code get_nodes(const struct get *get, struct error *err);
enum exit_code get_claims(const struct get *get, struct error *err);
enum exit_code get_events(const struct get *get, struct error *err);

#endif
