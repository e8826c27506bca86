/* The shared object: it exports calendar_reader_read and carries its own hidden copy of what that uses of base. */
#include "gateway/calendar/reader.h"

/* Without a use of its own nothing of a static library would be linked in. */
calendar_reader *const calendar_module_entry = calendar_reader_read;
