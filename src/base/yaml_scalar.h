/* What an unquoted YAML scalar is, for yaml.c: as go-yaml 2 resolves it, which is what kubectl reads with. */
#ifndef BASE_YAML_SCALAR_H
#define BASE_YAML_SCALAR_H

#include <stdbool.h>
#include <stddef.h>

#include "base/json.h"

enum yaml_scalar { YAML_SCALAR_NULL, YAML_SCALAR_BOOL, YAML_SCALAR_NUMBER, YAML_SCALAR_TEXT, YAML_SCALAR_REFUSED };

struct yaml_resolved {
    enum yaml_scalar kind;
    bool truth;
    double number;
    const char *why; /* of YAML_SCALAR_REFUSED; static */
};

/* `text` is NUL-terminated and holds no NUL. */
struct yaml_resolved yaml_scalar_resolve(const char *text);

#endif
