/* MQTT's reason codes as sentences for a person, with what to do. */
#ifndef LINK_REASON_H
#define LINK_REASON_H

#include <stddef.h>

#define REASON_UNSUPPORTED_VERSION 132
#define REASON_TAKEN_OVER 142

/* A CONNACK code of MQTT 3.1.1 (1 … 5) as its MQTT 5 sibling; others unchanged. */
int reason_from_connack(int code);
/* Static; NULL where there is nothing to add to the code's own name. */
const char *reason_advice(int code);
/* Takes the reason out of a line of OpenSSL's error queue ("…error:0A000086:SSL routines:func:REASON:file:line:"). */
void reason_from_openssl(const char *line, size_t len, char *out, size_t size);

#endif
