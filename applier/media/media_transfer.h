/* One file's download: where it may be, its request, and what the answer means.
 *
 * Owned by a slot of media_download.c, which runs `easy`. Only where libcurl is.
 */
#ifndef APPLIER_MEDIA_TRANSFER_H
#define APPLIER_MEDIA_TRANSFER_H

#include <curl/curl.h>

#include "applier/media/media_internal.h"

enum { TRANSFER_HOST_SIZE = 300, TRANSFER_VALIDATOR_SIZE = 300 };

enum transfer_result {
    TRANSFER_DONE,
    TRANSFER_ELSEWHERE, /* it is not there: begin at the next place */
    TRANSFER_AGAIN,     /* a failure that may pass */
    TRANSFER_UNREACHABLE,
    TRANSFER_REFUSED, /* it cannot be had, or must not be */
    TRANSFER_BROKEN,  /* no file can be: DS_EFULL */
};

struct transfer {
    struct media *m;
    const struct media_file *file;
    CURL *easy;
    struct curl_slist *headers;
    struct media_part part;
    bool open; /* `part` is */
    struct buf url;
    char shown[IMAGE_PATH_SIZE]; /* … for people: without what may be secret */
    char host[TRANSFER_HOST_SIZE];
    unsigned place, which; /* of media_candidate */
    unsigned tries;        /* at this place */
    unsigned pause_ms;     /* before the next one */
    uint64_t had;          /* bytes, when the attempt began */
    uint64_t offset;       /* bytes that are there */
    bool answered;         /* something has come, if only a header */
    bool begun;            /* the body has */
    bool measured;         /* the answer says where it ends */
    bool origin;           /* what is there can be told from another version of the file */
    bool private_address;  /* the connection was refused by us … */
    char address[64];      /* … to this one */
    bool too_large;
    struct ds_error broken; /* the file cannot be written, or the answer is wrong */
    char etag[TRANSFER_VALIDATOR_SIZE], modified[TRANSFER_VALIDATOR_SIZE];
    char version[TRANSFER_VALIDATOR_SIZE]; /* which of both the bytes that are there came with */
    uint64_t range;                        /* the answer is the rest from here on, as it says */
    char error[CURL_ERROR_SIZE];
};

int transfer_begin(struct transfer *t, struct media *m, const struct media_file *f,
                   struct ds_error *err); /* DS_ENOMEM */
/* The request for where it may be now. DS_ENOMEM, DS_EFULL; DS_EIO: it cannot be had. */
int transfer_prepare(struct transfer *t, struct ds_error *err);
/* Of all but TRANSFER_DONE and TRANSFER_ELSEWHERE `why` says why. */
enum transfer_result transfer_judge(struct transfer *t, CURLcode code, struct ds_error *why);
/* Is another attempt in place? Sets the pause before it. */
bool transfer_may_try(struct transfer *t);
/* What has come is kept if it can be gone on with. */
void transfer_end(struct transfer *t);
void transfer_free(struct transfer *t);

#endif
