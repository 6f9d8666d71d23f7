/* What a migration does: config.xml as users of the Magento Data Migration Tool have it (grammar:
 * its etc/config.xsd): which steps of which mode, in which order, with which files and options,
 * between which databases.
 *
 * Once read it does not change; any thread may ask it. What it returns lives as long as it.
 */
#ifndef SCHEMA_MIGRATION_H
#define SCHEMA_MIGRATION_H

#include <stdbool.h>
#include <stddef.h>

#include "schema/buf.h"
#include "schema/error.h"

enum migration_mode { MIGRATION_SETTINGS, MIGRATION_DATA, MIGRATION_DELTA, MIGRATION_MODES };
enum migration_stage { STAGE_INTEGRITY, STAGE_DATA, STAGE_VOLUME, STAGE_DELTA, STAGES };

struct migration_step {
    const char *title;
    const char
        *classes[STAGES];   /* names of PHP classes, as they are written; NULL: no such stage */
    unsigned lines[STAGES]; /* where they stand */
};

struct migration_database {
    const char *name, *host, *user;
    const char *port, *password, *ssl_ca, *ssl_cert, *ssl_key; /* NULL: not said */
    const char *place;                                         /* "etc/config.xml:12" */
};

struct migration;

/* DS_EUSAGE names file and line: it cannot be read, or is not such a file. */
int migration_read(struct migration **out, const char *path, struct ds_error *err);
void migration_free(struct migration *m);

const char *migration_path(const struct migration *m); /* of config.xml */
const struct migration_database *migration_database(const struct migration *m, bool source);
/* In the order they are written; of one title there is one in a mode. */
size_t migration_step_count(const struct migration *m, enum migration_mode mode);
const struct migration_step *migration_step_at(const struct migration *m, enum migration_mode mode,
                                               size_t i);
/* "settings" …, "integrity" …; of another name: the number of modes, or stages. */
const char *migration_mode_name(enum migration_mode mode);
const char *migration_stage_name(enum migration_stage stage);

/* NULL: it is not there. An empty one is "". */
const char *migration_option(const struct migration *m, const char *name);
/* Of a whole number, such as bulk_size; `otherwise` where it is not there or empty. */
int migration_number(const struct migration *m, const char *name, long otherwise, long *out,
                     struct ds_error *err);
/* The path of the file that an option names: from the working directory, else from the folder of
 * config.xml, or one above that (the other tool's own folder). DS_EUSAGE: no such option, or no
 * such file. */
int migration_file(const struct migration *m, const char *option, struct buf *path,
                   struct ds_error *err);

#endif
