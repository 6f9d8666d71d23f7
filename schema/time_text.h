/* Dates and times as people write them: YYYY-MM-DD[ HH:MM[:SS[.fff]]], with T for the blank, and Z
 * behind it. Those that the calendar or the clock does not have are none. Pure functions.
 */
#ifndef SCHEMA_TIME_TEXT_H
#define SCHEMA_TIME_TEXT_H

#include <stdbool.h>

#include "schema/buf.h"

enum { TIME_TEXT_SIZE = sizeof "2024-01-31 12:00:00" };

/* Without fraction and Z, with a blank: as long as what was written. False: it is none. */
bool time_text_read(struct slice text, char out[TIME_TEXT_SIZE]);
/* A date alone, YYYY-MM-DD. */
bool time_text_is_date(const char *text);

#endif
