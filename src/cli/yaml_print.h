/* JSON as block YAML, on stdout if nothing else is said, such that base/yaml and kubectl read the same back. */
#ifndef CLI_YAML_PRINT_H
#define CLI_YAML_PRINT_H

#include <stdio.h>

#include "base/json.h"

void yaml_print(const struct json *json);
void yaml_print_to(FILE *out, const struct json *json);

#endif
