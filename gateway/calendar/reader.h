/*
 * reader - calendar_read itself, in a shared object of its own: its library brings megabytes that only they should pay who
 * have a calendar.
 *
 * Shape:   calendar.c loads `libexec/escalated/calendar.so` at the first calendar and calls this.
 */
#ifndef ESCALATED_CALENDAR_READER_H
#define ESCALATED_CALENDAR_READER_H

#include "gateway/calendar/calendar.h"

#define CALENDAR_READER_SYMBOL "calendar_reader_read"

typedef int calendar_reader(const char *text, size_t count, const struct calendar_options *options,
                            struct arena *arena, struct calendar_shift **out_shifts,
                            size_t *out_count, struct err *err);

calendar_reader calendar_reader_read;

#endif
