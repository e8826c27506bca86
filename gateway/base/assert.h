/*
 * assert - a bug in our own code ends the process at once, also in a release build.
 *
 * Limits: never used on data from network, file, database or plugin; those are `struct err`.
 * Fails:  prints `level=error msg="assertion failed" ...` to stderr and aborts; state is committed and the
 *         supervisor restarts us.
 */
#ifndef ESCALATED_BASE_ASSERT_H
#define ESCALATED_BASE_ASSERT_H

#define ASSERT(condition)                                                                          \
    ((condition) ? (void)0 : assert_failed(#condition, __FILE__, __LINE__, __func__))

_Noreturn void assert_failed(const char *condition, const char *file, int line,
                             const char *function);

/* Out of memory is a crash point, not an error path (every peer-controlled size is limited before we allocate). */
_Noreturn void assert_out_of_memory(unsigned long bytes);

#endif
