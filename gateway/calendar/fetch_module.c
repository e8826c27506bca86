/* The shared object: it exports fetch_run and carries its own hidden copy of what that uses of base. */
#include "gateway/calendar/fetch.h"

/* Without a use of its own nothing of a static library would be linked in. */
fetch_runner *const fetch_module_entry = fetch_run;
