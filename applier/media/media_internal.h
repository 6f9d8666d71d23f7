/* Inside the media module: what its parts share. Not for others. */
#ifndef APPLIER_MEDIA_INTERNAL_H
#define APPLIER_MEDIA_INTERNAL_H

#include <sys/socket.h>

#include "applier/media/media.h"
#include "schema/arena.h"

enum { MEDIA_NAME_SIZE = 64, MEDIA_REASON_SIZE = 400 };

/* A file that is wanted. */
struct media_file {
    enum image_kind kind;
    const char *path; /* beneath the kind's folder: s/h/shirt.jpg */
    const char *url;  /* where it is; NULL: beneath the base */
    const char *entity, *key;
};

/* Hashes of what is settled: each file is dealt with once. */
struct media_set {
    uint64_t *slots; /* 0: free */
    size_t count, cap;
};

enum { MEDIA_SOURCE_BUCKETS = 1024 };
struct media_source; /* of a file that has an address of its own */

struct media {
    const struct config *config;
    const _Atomic bool *stop;
    bool dry_run;
    int dir;               /* the media folder */
    int root[IMAGE_KINDS]; /* … and in it the folder of a kind; -1: not opened yet */
    /* places beneath a base are tried in the order in which files were found: media_candidate */
    unsigned found_path[IMAGE_KINDS], found_url[IMAGE_KINDS];
    struct media_set settled, asked; /* asked: of the range in hand */
    struct media_file *wanted;
    size_t wanted_count, wanted_cap;
    struct arena arena;   /* of `wanted` */
    struct arena sources; /* of `source` */
    struct media_source *source[MEDIA_SOURCE_BUCKETS];
    struct media_counts counts;
};

/* --- media.c --- */
/* A place beneath a base. The folder is as whoever made it wants, rows give the name in it. */
struct media_place {
    unsigned which;
    const char *folder; /* "" or "catalog/product" */
    const char *name;   /* of the file's strings */
};
/* Where it may be, i from 0 on: in the media folder, in the kind's own, there under its bare name;
 * `first` is tried first. False: there are no more. */
bool media_candidate(const struct media_file *f, unsigned first, unsigned i,
                     struct media_place *out);
void media_missing(struct media *m, const struct media_file *f, const char *why);
int media_root(struct media *m, enum image_kind kind, struct ds_error *err);
bool media_stopped(const struct media *m);

/* --- media_type.c --- */
enum { MEDIA_HEAD = 12, MEDIA_TAIL = 4096 };
/* NULL: what begins so is what its name says. Else why not. */
const char *media_type_refused(const char *name, const uint8_t *head, size_t len);
/* Does what begins and ends so have the end of its kind? A tail of MEDIA_TAIL bytes, or all. */
bool media_type_is_whole(const uint8_t head[MEDIA_HEAD], const uint8_t *tail, size_t len,
                         uint64_t size);

/* --- media_address.c --- */
bool media_address_is_public(const struct sockaddr *address);

/* --- media_folder.c --- */
/* Errors here: DS_EIO, this file cannot be had; DS_EFULL, the disk is full or broken, and no file
 * can be. By errno. */
int media_failed(struct ds_error *err, const char *what, const char *name);
/* The folder beneath `above`, made if it is missing, with the permissions of that. -1 and errno. */
int media_folder(int above, const char *name);
/* Is there a plain file? */
bool media_is_there(int root, const char *path);
/* The file, to be read; of its path nothing is a symbolic link. -1 and errno. */
int media_open_beneath(int root, const char *path);
/* A file under way: in the folder where it is to be, under a name of its own. */
struct media_part {
    int folder, fd; /* -1: closed */
    char name[MEDIA_NAME_SIZE];
    const char *final; /* within the path that it was opened with */
};
/* Folders that are missing are made. What an earlier attempt has left is in it. */
int media_part_open(struct media_part *p, int root, const char *path, struct ds_error *err);
int media_part_write(const struct media_part *p, const void *bytes, size_t len, uint64_t at,
                     struct ds_error *err);
int media_part_cut(const struct media_part *p, struct ds_error *err); /* to nothing */
/* Has it the end that images of its kind have? */
bool media_part_is_whole(const struct media_part *p);
/* Give it its name, if it is an image of the kind that this says. *same: one with these very bytes
 * was there and stays. Closes it; after an error it is gone. */
int media_part_finish(struct media_part *p, bool *same, struct ds_error *err);
/* keep: the next attempt goes on with it. */
void media_part_close(struct media_part *p, bool keep);
/* What it is a part of, as text on one line: kept beside it. "" none. */
void media_part_origin(const struct media_part *p, char *out, size_t size);
/* NULL: forget it. Best effort: without it, nothing is gone on with. */
void media_part_set_origin(const struct media_part *p, const char *text);

/* --- media_copy.c --- */
/* 0; DS_EAGAIN: base_path has no such file; DS_EIO, DS_EFULL. */
int media_copy(struct media *m, const struct media_file *f, struct ds_error *err);

/* --- media_download.c --- */
/* Download all of them; each ends as done, or missing. DS_ENOMEM, DS_EFULL, DS_EIO, DS_ESTOPPED. */
int media_download(struct media *m, const struct media_file *const *files, size_t count,
                   struct ds_error *err);
int media_download_init(struct ds_error *err);
void media_download_end(void);

#endif
