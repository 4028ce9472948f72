/* davit-unpack --iso LABEL OUT: a tar on standard input becomes a CD, for a virtual machine to read its files from. */
#ifndef IMAGE_ISO_H
#define IMAGE_ISO_H

#include "base/error.h"

/* ISO 9660 with Joliet and Rock Ridge, whole or not at all: beside `out`, then renamed over it. What is in the tar is read
 * by a child that has no privileges and sees no file. LABEL: at most 32 letters, digits, and space _ . - ; "": none.
 */
MUST_CHECK bool iso_make(const char *label, const char *out, struct error *err);

#endif
