/* What libcurl's codes mean here. */
#ifndef IMAGE_FETCH_FAULT_H
#define IMAGE_FETCH_FAULT_H

#include <curl/curl.h>

#include "image/fetch_http.h"

#define FAULT_TEXT_BYTES ERROR_MESSAGE_BYTES

/* `text` is libcurl's own, which may repeat what the other side said: of it only what is said before HTTP begins (names,
 * TCP, certificates) goes into `why`, in ASCII.
 */
enum http_fault fault_of(CURL *easy, CURLcode code, const char *text, char why[FAULT_TEXT_BYTES]);

#endif
