/*
 * err - one error: what kind, and a sentence that tells the operator what, which, got, want.
 *
 * Owns:    plain value, lives on the caller's stack.
 * Threads: any; no shared state.
 * Limits:  text is cut at ERR_TEXT_BYTES with a visible "..." at the end.
 * Fails:   never. On success of a call the caller's err is left untouched.
 */
#ifndef ESCALATED_BASE_ERR_H
#define ESCALATED_BASE_ERR_H

#define ERR_TEXT_BYTES 512

enum err_code {
    ERR_NONE = 0,
    ERR_INVALID,   /* the input is wrong: the sender must change it */
    ERR_TOO_LARGE, /* a stated limit was passed */
    ERR_NOT_FOUND,
    ERR_DENIED,
    ERR_CONFLICT,
    ERR_BUSY,    /* later may work */
    ERR_SYSTEM,  /* the operating system refused */
    ERR_CORRUPT, /* stored data does not make sense */
    ERR_CODE_COUNT,
};

struct err {
    enum err_code code;
    char text[ERR_TEXT_BYTES];
};

/* Set *err and return -1, so that a failing function ends with `return err_set(...)`. err may be NULL. */
int err_set(struct err *err, enum err_code code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* As err_set, with ": " and the text of `error_number` (thread-safe strerror_l) at the end. */
int err_set_errno(struct err *err, int error_number, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Put "<prefix>: " before the text there is; keeps the code; returns -1. */
int err_wrap(struct err *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
