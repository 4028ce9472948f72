/* A Service for `davit describe`. */
#ifndef CLI_SERVICE_VIEW_H
#define CLI_SERVICE_VIEW_H

#include "cli/board.h"

void describe_service(const struct entry *entry);

#endif
