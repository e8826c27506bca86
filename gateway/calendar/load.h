/*
 * load - the parts of this folder that lie in shared objects of their own: their libraries bring megabytes that only they
 * should pay who have such a calendar.
 *
 * Shape:   load_function("calendar.so", "calendar_reader_read", &function) from libexec/escalated beside the program's folder.
 * Owns:    what was loaded stays for good.
 * Fails:   -1: the object or the function is not there.
 */
#ifndef ESCALATED_CALENDAR_LOAD_H
#define ESCALATED_CALENDAR_LOAD_H

#include "gateway/base/err.h"

/* `*out_function` is a pointer to a function, of whatever type. */
int load_function(const char *object, const char *symbol, void *out_function, struct err *err);

#endif
