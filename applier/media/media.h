/* Files of the destination's media folder that imported rows name: copied from a folder, or
 * downloaded, before the rows commit.
 *
 * The import says which files its rows want. Those that are not there are fetched as a whole, while
 * no transaction is open: a slow server must not hold the shop's rows. A file that cannot be had is
 * logged, with the entity that names it, and counted; the row keeps its value. A disk that is full
 * is an error: what it says of one file it would say of all.
 *
 *   media.c          what is wanted, and what became of it
 *   media_folder.c   paths beneath the media folder, files under way, and their renaming
 *   media_type.c     what kind of image bytes begin
 *   media_copy.c     from images.base_path
 *   media_download.c several at once, by libcurl; media_transfer.c: one of them
 *   media_address.c  which addresses are of the public Internet
 *
 * At least once: a file may be there whose row never committed. One owner, the applier's thread.
 */
#ifndef APPLIER_MEDIA_MEDIA_H
#define APPLIER_MEDIA_MEDIA_H

#include <stdbool.h>
#include <stdint.h>

#include "schema/config.h"
#include "schema/image_place.h"

struct media_counts {
    uint64_t copied, downloaded;
    uint64_t kept;    /* were there */
    uint64_t missing; /* cannot be had */
};

struct media;
/* DS_EUSAGE: images.media_dir cannot be used. Before other threads are started, because of libcurl.
 * `stop` ends a fetch; NULL: nothing does. dry_run: look, and write nothing. */
int media_new(struct media **out, const struct config *c, bool dry_run, const _Atomic bool *stop,
              struct ds_error *err);
void media_free(struct media *m); /* NULL allowed */

/* A range of rows begins: what was wanted of one that was rolled back is forgotten. */
void media_begin(struct media *m);
/* Where the file with this value is to be had; forgotten with media_committed. DS_ENOMEM. */
int media_source(struct media *m, enum image_kind kind, struct slice value, struct slice url);
/* A row that is written has this value; `entity` and `key` are for people. DS_ENOMEM, DS_EIO. */
int media_want(struct media *m, enum image_kind kind, struct slice value, const char *entity,
               struct slice key, struct ds_error *err);
/* Is there anything to fetch? */
bool media_waits(const struct media *m);
/* Fetch it. DS_ESTOPPED, DS_ENOMEM; DS_EIO: the media folder cannot be written to, or downloads do
 * not run at all. A file that cannot be had is no error. */
int media_fetch(struct media *m, struct ds_error *err);
void media_committed(struct media *m);
/* Of this run. */
const struct media_counts *media_counts_get(const struct media *m);
/* Was this built with libcurl? */
bool media_can_download(void);

#endif
