/* davit get: what is asked for, what of it is shown, and how. */
#ifndef CLI_GET_H
#define CLI_GET_H

#include "cli/board.h"
#include "cli/columns.h"
#include "cli/output.h"
#include "cli/table.h"
#include "cli/verbs.h"
#include "protocol/names.h"

#define GET_TYPES 16
#define GET_LABELS 4 /* beside the widest table */

/* A kind of object: a table of its own. */
struct get_type {
    const struct resource *resource; /* NULL: nodes */
    const struct column *columns;
    const char *names[LIMIT_NAMES]; /* none: all */
    size_t name_count;
    struct table table;
    bool with_node;
};

/* -o custom-columns: HEADING:PATH */
struct get_column {
    char *heading;
    char *path;
};

/* --field-selector: PATH=VALUE, PATH!=VALUE */
struct get_field {
    char *path;
    char *value;
    bool differs;
};

struct get {
    const struct options *options;
    enum output output;
    char *template; /* of -o jsonpath= */
    struct get_column columns[TABLE_COLUMNS];
    size_t column_count;
    struct json *labels;      /* -l; NULL: none */
    struct json *node_labels; /* --node-selector; NULL: none */
    struct get_field fields[TABLE_COLUMNS];
    size_t field_count;
    char *sort_path; /* NULL: by name */
    struct get_column labels_shown[GET_LABELS]; /* -L; the path is the label's key */
    size_t label_count;
    struct get_type types[GET_TYPES];
    size_t type_count;
    bool is_all; /* `get all`: of a kind that nobody has nothing is said */
    struct board board;
    bool is_synced;
};

/* What the words mean, with lists of types and TYPE/NAME. */
MUST_CHECK bool get_read_words(struct get *get, struct error *err);
MUST_CHECK bool get_read_filters(struct get *get, struct error *err);
MUST_CHECK bool get_read_output(struct get *get, struct error *err);
void get_free(struct get *get);

/* The type that an entry is of; NULL: of none that is asked for. */
struct get_type *get_type_of(struct get *get, const struct entry *entry);
bool get_is_listed(const struct entry *entry); /* it says something now */
/* Whether the whole object must be known to choose, sort or print. */
bool get_needs_objects(const struct get *get);
/* The object as it is printed. The caller frees. */
struct json *get_object(const struct get *get, const struct entry *entry);
bool get_fits(struct get *get, const struct get_type *type, const struct entry *entry);

bool get_is_table(const struct get *get);
/* Headings of a type's table. */
void get_table_start(struct get *get, struct get_type *type);
/* False: nothing but its age is new, and no row was added. */
bool get_row_add(struct get *get, struct get_type *type, struct entry *entry);
/* In place of tables; `single`: of one object that was named. */
void get_print_objects(const struct get *get, const struct json *objects, bool single);
/* A change that -w saw. */
void get_print_change(struct get *get, struct get_type *type, struct entry *entry);

/* DAVIT_NODE and a context name where to apply to; a list of nodes is of all of them, unless --node is given. */
void get_forget_place(const struct get *get, struct options *options);
/* A session that has brought all that is asked for onto the board, and tells of changes. NULL on error. */
struct session *get_open(struct get *get, void (*on_change)(void *ctx, struct entry *entry), void *ctx, struct error *err);
/* All of it, over one session. */
enum exit_code get_run(struct get *get, struct error *err);
/* What goes by and is not kept. */
/* Of the nodes that are meant, by their statuses; of this device where no broker is named. */
enum exit_code get_images(const struct options *options, struct error *err);
enum exit_code get_events(const struct options *options, struct error *err);

#endif
