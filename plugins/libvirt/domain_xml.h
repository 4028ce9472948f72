/* Writes XML, strictly: names are the caller's literals, values are escaped, and what XML cannot hold, or a reader would
 * change (control characters), is an error that is looked at once, at the end.
 */
#ifndef VMS_DOMAIN_XML_H
#define VMS_DOMAIN_XML_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/strbuf.h"

struct xml {
    struct strbuf text;
    unsigned depth;
    struct error err; /* the first one; ERROR_NONE */
};

void xml_init(struct xml *xml);
/* <NAME ATTRIBUTE='VALUE' …>: pairs, then NULL. An attribute whose value is NULL is left out. */
void xml_open(struct xml *xml, const char *name, ...) __attribute__((sentinel));
void xml_close(struct xml *xml, const char *name);
/* The same as an empty element. */
void xml_leaf(struct xml *xml, const char *name, ...) __attribute__((sentinel));
/* <NAME ATTRIBUTE='VALUE' …>TEXT</NAME> */
void xml_text(struct xml *xml, const char *name, const char *text, ...) __attribute__((sentinel));
/* The whole; the caller frees. NULL: *err. Ends it either way. */
char *xml_take(struct xml *xml, struct error *err);

/* xml_number(5).text, as long as the expression that it stands in. */
struct xml_number {
    char text[24];
};
struct xml_number xml_number(int64_t value);

#endif
