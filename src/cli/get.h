/* What `davit get` lists, every kind of object by its columns, nodes and events by themselves. */
#ifndef CLI_GET_H
#define CLI_GET_H

#include "cli/output.h"
#include "cli/verbs.h"
#include "protocol/names.h"

struct get {
    const struct options *options;
    enum output output;
    const char *name; /* NULL: all */
};

enum exit_code get_objects(const struct get *get, const struct resource *resource, struct error *err);
enum exit_code get_nodes(const struct get *get, struct error *err);
enum exit_code get_events(const struct get *get, struct error *err);

#endif
