/* In place of postgres_world.c when the program is built without libpq: no test asks for it then.
 */
#include "tests/support/postgres_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

char *postgres_world_url(int port)
{
    (void)port;
    fail_msg("built without PostgreSQL");
    return NULL;
}
