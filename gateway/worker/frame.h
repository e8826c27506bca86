/*
 * frame - how the daemon and a helper program talk: one kind, one length, so many bytes, over a stream socket.
 *
 * Shape:   bytes as they come from the socket -> whole frames, however they were cut on the way.
 * Owns:    the reader its buffer; a frame's bytes are valid until the next call on its reader.
 * Threads: one at a time per reader.
 * Limits:  `bytes_max` a frame, checked before anything is allocated for it.
 * Fails:   FRAME_BAD: an unknown kind or too large a length. The stream cannot be trusted any more.
 */
#ifndef ESCALATED_WORKER_FRAME_H
#define ESCALATED_WORKER_FRAME_H

#include <stddef.h>

#include "gateway/base/err.h"

#define FRAME_HEAD_BYTES 5

enum frame_kind {
    FRAME_SETUP = 'S',   /* daemon to helper, at most once, before anything else */
    FRAME_READY = 'R',   /* helper to daemon, once: it is shut in and can be asked */
    FRAME_REQUEST = 'Q', /* daemon to helper */
    FRAME_ANSWER = 'A',  /* helper to daemon: any number for one request */
    FRAME_END = 'E',     /* helper to daemon: that was the last answer */
    FRAME_FAILED = 'F',  /* helper to daemon, instead of READY or END: a sentence */
};

struct frame {
    enum frame_kind kind;
    const unsigned char *bytes;
    size_t count;
};

void frame_head(enum frame_kind kind, size_t count, unsigned char out[FRAME_HEAD_BYTES]);

struct frame_reader {
    unsigned char *data;
    size_t capacity;
    size_t used;  /* bytes in data */
    size_t taken; /* of these, the frame that was handed out */
    size_t bytes_max;
};

void frame_reader_init(struct frame_reader *reader, size_t bytes_max);
void frame_reader_clear(struct frame_reader *reader);
/* Empty again; the memory stays. */
void frame_reader_reset(struct frame_reader *reader);

/* Where the next bytes go, and how many fit: at least one. Then say how many came. */
unsigned char *frame_reader_room(struct frame_reader *reader, size_t *out_room);
void frame_reader_took(struct frame_reader *reader, size_t count);

enum frame_state { FRAME_PARTIAL, FRAME_WHOLE, FRAME_BAD };

/* The next whole frame, if there is one. */
enum frame_state frame_reader_next(struct frame_reader *reader, struct frame *out_frame,
                                   struct err *err);

#endif
