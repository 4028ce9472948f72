/* JSON as block YAML on stdout, such that base/yaml and kubectl read the same back. */
#ifndef CLI_YAML_PRINT_H
#define CLI_YAML_PRINT_H

#include "base/json.h"

void yaml_print(const struct json *json);

#endif
