/* In place of postgres*.c when the program is built without libpq (-DESCALATED_POSTGRES=OFF). */
#include "gateway/store/reader.h"
#include "gateway/store/store.h"

static int refuse(struct err *err)
{
    return err_set(err, ERR_INVALID,
                   "store url: this program was built without PostgreSQL, want sqlite:FILE");
}

int store_postgres_url_check(const char *url, struct err *err)
{
    (void)url;
    return refuse(err);
}

int store_postgres_open(const char *url, struct store **out_store, struct err *err)
{
    (void)url;
    (void)out_store;
    return refuse(err);
}

int store_postgres_reader_open(const char *url, struct store_reader **out_reader, struct err *err)
{
    (void)url;
    (void)out_reader;
    return refuse(err);
}
