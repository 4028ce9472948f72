/* Decimal text and doubles, without a lost digit either way. */
#ifndef BASE_NUMBER_H
#define BASE_NUMBER_H

#include <stdbool.h>
#include <stddef.h>

#define NUMBER_TEXT_BYTES 32
#define NUMBER_INTEGER_MAX 9007199254740992 /* 2^53: up to here a double holds every integer */

/* `text` is [-+] digits [. digits] [e [-+] digits], checked by the caller; one digit at least. Kept are integers up to
 * 2^53, and floats whose digits come back when the double is written with as many. False: *why says what is wrong, a
 * static text.
 */
bool number_parse(const char *text, size_t len, double *out, const char **why);
/* The shortest JSON text that reads back as the same double; whole numbers up to 2^53 as digits. Infinity and NaN,
 * which JSON does not have, are null. Returns out.
 */
const char *number_print(double value, char out[NUMBER_TEXT_BYTES]);

#endif
